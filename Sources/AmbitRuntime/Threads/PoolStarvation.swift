internal import AmbitSystem

/// Notices that jobs wait for a thread of a pool and that none becomes free. Guarded by the pool's lock.
struct PoolStarvation {
  /// What has changed since the watchdog looked last. Times are in nanoseconds.
  enum News: Equatable {
    /// Jobs wait, and no thread has taken one for this time.
    case begun(Int64)
    /// No job waits any more; the time since a thread took a job before the report.
    case ended(Int64)
  }

  /// When a thread took a job, or the first job began to wait: monotonic nanoseconds.
  var lastMove: Int64 = 0
  /// When the reported starvation began; nil if none is reported.
  private var began: Int64?
  private var reportDue = Int64.min

  /// How long the queue may stand still before that is reported.
  private static var patience: Int64 { 1_000_000_000 }
  /// The time between two reports of the same starvation.
  private static var interval: Int64 { 60_000_000_000 }

  /// What is to be reported at `now`, while so many jobs wait. A starvation is reported once, then once a minute; it
  /// ends when no job waits. Another one is reported at most every 10 s.
  mutating func news(waiting: Int, at now: Int64) -> News? {
    guard waiting > 0 else {
      guard let began else { return nil }
      self.began = nil
      reportDue -= Self.interval - LogRateLimit.interval
      return .ended(now - began)
    }
    guard now - lastMove >= Self.patience, now >= reportDue else { return nil }
    reportDue = now + Self.interval
    if began == nil { began = lastMove }
    return .begun(now - lastMove)
  }
}

/// What a pool's threads do at one moment: a copy.
struct PoolSnapshot {
  /// A job that a thread runs.
  struct Running {
    let plugin: String
    let label: String
    let isHandler: Bool
    let job: String
    /// The address of the job's record, which may be another job's by now.
    let subject: UInt
    /// The kernel's number of the thread; nil if it has not begun.
    let thread: Int32?
    /// How long it has run, in nanoseconds.
    let age: Int64
  }

  let limits: ThreadPool.Limits
  let running: [Running]
  let mostRunning: Int
  let waiting: Int
}

extension ThreadPool {
  /// Whether jobs have begun to wait in vain for a thread, or no longer do. For the watchdog.
  func starvationNews(at now: Int64) -> PoolStarvation.News? {
    withLock { starvation.news(waiting: jobs.count, at: now) }
  }

  /// What the threads do at the moment, without those of lanes. From any thread.
  var snapshot: PoolSnapshot {
    withLock {
      let now = Clock.monotonic
      let running = threads.compactMap { thread -> PoolSnapshot.Running? in
        guard let task = thread.task, task.isJob else { return nil }
        let owner = task.work.owner
        return PoolSnapshot.Running(
          plugin: owner.map { String(decoding: $0.plugin, as: UTF8.self) } ?? "",
          label: owner.map { String(decoding: $0.label, as: UTF8.self) } ?? "", isHandler: owner?.isHandler ?? false,
          job: owner?.job ?? "", subject: task.work.subject, thread: thread.number, age: now - task.since)
      }
      return PoolSnapshot(limits: limits, running: running, mostRunning: mostJobsAtWork, waiting: jobs.count)
    }
  }
}
