internal import AmbitCore
internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Logging
internal import Synchronization

/// Watches the loops from a thread of its own: reports a loop that does not turn, the jobs that loops find overdue, and
/// calls that keep others of their library waiting.
///
/// It looks and writes so that no loop has to; a loop that is well spends two stores per turn on it.
final class Watchdog: @unchecked Sendable {
  private struct Inbox {
    var reports: [OverdueJob] = []
    /// The C library has got memory back that it is to pass on.
    var isTrimDue = false
    var isStopping = false
  }

  private let loops: [EventLoop]
  private let pool: ThreadPool
  /// How long a turn may take, in nanoseconds; nil: any time.
  private let stallWarning: Int64?
  private let inbox = Mutex(Inbox())
  /// Rung when something has come into the inbox.
  private let wakeup = Wakeup()
  /// Stalls there have been.
  let stallCount = Atomic<Int>(0)
  private var thread: SystemThread?
  /// For each loop. Of the watchdog's thread, as is all below.
  private var stalls: [LoopStall] = []
  private let logger = Logger(label: "ambit")

  /// Looks after `loops` once it is started. `stallWarning` is how long a turn may take, in nanoseconds; nil: any time.
  init(loops: [EventLoop], pool: ThreadPool, stallWarning: Int64?) throws(SystemError) {
    self.loops = loops
    self.pool = pool
    self.stallWarning = stallWarning
    try SystemError.check("signal handler for backtraces", cfiber_prepare_thread_backtraces())
    if let stallWarning { stalls = loops.map { LoopStall(of: $0, limit: stallWarning) } }
  }

  deinit { wakeup.destroy() }

  /// Starts the thread. Signals that are blocked in the caller are blocked in it.
  func start() throws(SystemError) {
    thread = try SystemThread(for: "the watchdog") { self.watch() }
  }

  /// Ends the thread and waits for that. What was reported before is written.
  func stop() {
    guard let thread else { return }
    inbox.withLock { $0.isStopping = true }
    wakeup.notify()
    thread.join()
    self.thread = nil
  }

  /// Takes a report to be written. From any thread; does not wait.
  func report(_ job: OverdueJob) {
    inbox.withLock { $0.reports.append(job) }
    wakeup.notify()
  }

  /// Has the C library give back to the system what was freed. From any thread; does not wait.
  func giveBackFreedMemory() {
    inbox.withLock { $0.isTrimDue = true }
    wakeup.notify()
  }

  private func watch() {
    clinux_name_thread("ambit-watchdog")
    var isStopping = false
    while !isStopping {
      wakeup.wait(atMost: Int64(patience) * 1_000_000)
      isStopping = readInbox()
      for index in stalls.indices {
        if stalls[index].look(logger) { stallCount.add(1, ordering: .relaxed) }
      }
      lookAtLanes()
    }
  }

  /// Milliseconds until the next look: a stall is reported once it has lasted for one to one and a half times its limit,
  /// and its end is known to 10 ms.
  private var patience: Int32 {
    guard let stallWarning else { return Self.lanePatience }
    let usual = min(max(Int32(clamping: stallWarning / 2_000_000), 1), Self.lanePatience)
    for index in stalls.indices where stalls[index].isStalled { return min(usual, 10) }
    return usual
  }

  /// Milliseconds between two looks at calls that keep others waiting.
  private static var lanePatience: Int32 { 1000 }

  private func lookAtLanes() {
    let news = pool.laneNews()
    for lane in news.returned {
      guard let call = lane.running else { continue }
      logger.notice(
        "library \(lane.name): the call that others waited for has returned after \(call.age / 1_000_000) ms",
        metadata: call.fields)
    }
    for lane in news.held {
      guard let call = lane.running else { continue }
      var fields = call.fields
      if let thread = call.thread { fields.merge(ThreadSighting(ofThread: thread, origin: 0).fields) { $1 } }
      let consequence = "\(lane.waiting.pluralized("call")) of it \(lane.waiting == 1 ? "waits" : "wait")"
      logger.warning(
        "library \(lane.name) is held by a call that has not returned for \(call.age / 1_000_000) ms; \(consequence)",
        metadata: fields)
    }
  }

  /// Writes what was reported; true if the watchdog is to stop.
  private func readInbox() -> Bool {
    let inbox = inbox.withLock { inbox in
      defer {
        inbox.reports = []
        inbox.isTrimDue = false
      }
      return inbox
    }
    if inbox.isTrimDue { clinux_give_back_freed_memory() }
    for job in inbox.reports { write(job) }
    return inbox.isStopping
  }

  private func write(_ job: OverdueJob) {
    var fields = job.fields
    if let thread = pool.thread(workingFor: job.subject) {
      // On the loop it only waits for its thread.
      fields["stack"] = nil
      fields.merge(ThreadSighting(ofThread: thread, origin: job.origin).fields) { $1 }
      fields["thread"] = "\(thread)"
    }
    logger.log(level: job.lateness == .stuck ? .error : .warning, "\(job.message)", metadata: fields)
  }
}

extension SerialLaneReport.Call {
  fileprivate var fields: Logger.Metadata {
    var fields: Logger.Metadata = ["plugin": "\(plugin)", "route": "\(route)", "scope": "\(scope)"]
    if let thread { fields["thread"] = "\(thread)" }
    return fields
  }
}
