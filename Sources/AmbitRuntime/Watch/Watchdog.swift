internal import AmbitCore
internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Logging
internal import Synchronization

/// Watches the loops from a thread of its own. Reports blocked loops, cancelled jobs that do not return, lifecycle
/// calls of plugins that do not return, calls that keep other calls of their library waiting, jobs that wait for a
/// thread of the pool in vain, and plugins that are below a limit again.
///
/// The watchdog writes the reports so that no loop has to. A healthy loop spends two stores per turn on it.
final class Watchdog: @unchecked Sendable {
  private struct Inbox {
    var reports: [OverdueJob] = []
    /// The C library is to give freed memory back to the system.
    var isTrimDue = false
    var isStopping = false
  }

  private let loops: [EventLoop]
  private let pool: ThreadPool
  private let limits: LimitWatch
  /// How long a turn may take, in nanoseconds; nil: no limit.
  private let stallWarning: Int64?
  private let inbox = Mutex(Inbox())
  /// Wakes the thread when something has come into the inbox.
  private let wakeup = Wakeup()
  /// How often a loop has been blocked for `stallWarning`.
  let stallCount = Atomic<Int>(0)
  private var thread: SystemThread?
  /// One for each loop. Only the watchdog's thread uses it.
  private var stalls: [LoopStall] = []
  private var mainThread = MainThreadStall()
  private let logger = Logger(label: "ambit")

  /// Watches `loops` once it is started. `stallWarning` is how long a turn may take, in nanoseconds; nil: no limit.
  init(loops: [EventLoop], pool: ThreadPool, limits: LimitWatch, stallWarning: Int64?) throws(SystemError) {
    self.loops = loops
    self.pool = pool
    self.limits = limits
    self.stallWarning = stallWarning
    try SystemError.check("signal handler for backtraces", cfiber_prepare_thread_backtraces())
    if let stallWarning { stalls = loops.map { LoopStall(of: $0, limit: stallWarning) } }
  }

  deinit { wakeup.destroy() }

  /// Starts the thread. Signals that are blocked in the caller are blocked in it.
  func start() throws(SystemError) {
    thread = try SystemThread(for: "the watchdog") { self.watch() }
  }

  /// Ends the thread and waits for its end. Reports that came before are written.
  func stop() {
    guard let thread else { return }
    inbox.withLock { $0.isStopping = true }
    wakeup.notify()
    thread.join()
    self.thread = nil
  }

  /// Takes a report to be logged. From any thread; does not wait.
  func report(_ job: OverdueJob) {
    inbox.withLock { $0.reports.append(job) }
    wakeup.notify()
  }

  /// Has the C library give freed memory back to the system. From any thread; does not wait.
  func giveBackFreedMemory() {
    inbox.withLock { $0.isTrimDue = true }
    wakeup.notify()
  }

  private func watch() {
    clinux_name_thread("ambit-watchdog")
    var isStopping = false
    while !isStopping {
      wakeup.wait(atMost: Int64(checkInterval) * 1_000_000)
      isStopping = readInbox()
      for index in stalls.indices {
        if stalls[index].look(logger) { stallCount.add(1, ordering: .relaxed) }
      }
      mainThread.look(logger)
      lookAtLanes()
      lookAtLifecycleCalls()
      PoolWatch.look(at: pool, logger)
      limits.look(at: Clock.monotonic)
    }
  }

  /// Milliseconds until the next check. A blocked loop is reported after 1 to 1.5 times `stallWarning`, and the end of
  /// a stall is noticed within 10 ms.
  private var checkInterval: Int32 {
    guard let stallWarning else { return Self.laneCheckInterval }
    let usual = min(max(Int32(clamping: stallWarning / 2_000_000), 1), Self.laneCheckInterval)
    for index in stalls.indices where stalls[index].isStalled { return min(usual, 10) }
    return usual
  }

  /// Milliseconds between two checks of calls that keep others waiting.
  private static var laneCheckInterval: Int32 { 1000 }

  private func lookAtLanes() {
    let news = pool.laneNews()
    for lane in news.returned {
      guard let call = lane.running else { continue }
      logger.notice(
        "library \(lane.name): the call that kept others waiting has returned after \(call.age / 1_000_000) ms",
        metadata: call.fields)
    }
    for lane in news.held {
      guard let call = lane.running else { continue }
      var fields = call.fields
      if let thread = call.thread { fields.merge(ThreadSample(ofThread: thread, origin: 0).fields) { $1 } }
      let consequence = "\(lane.waiting.pluralized("call")) \(lane.waiting == 1 ? "waits" : "wait") for it"
      logger.warning(
        "library \(lane.name): a call has not returned for \(call.age / 1_000_000) ms, and \(consequence)",
        metadata: fields)
    }
  }

  private func lookAtLifecycleCalls() {
    let news = pool.callNews()
    for late in news.returned {
      logger.notice(
        "\(late.call.name) of plugin \(late.call.plugin) has returned after \(late.age / 1_000_000) ms",
        metadata: late.fields)
    }
    for overdue in news.overdue {
      var fields = overdue.fields
      if let thread = overdue.thread {
        fields.merge(ThreadSample(ofThread: thread, origin: overdue.call.origin).fields) { $1 }
      }
      logger.error(
        """
        \(overdue.call.name) of plugin \(overdue.call.plugin) has not returned for \(overdue.age / 1_000_000) ms: its \
        thread, its scope and its library stay in memory until it returns
        """, metadata: fields)
    }
  }

  /// Writes the reports of the inbox; true if the watchdog is to stop.
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
      // The job's fiber only waits for the thread, so the thread's stack is the one to show.
      fields["stack"] = nil
      fields.merge(ThreadSample(ofThread: thread, origin: job.origin).fields) { $1 }
      fields["thread"] = "\(thread)"
    }
    logger.log(level: job.lateness == .stuck ? .error : .warning, "\(job.message)", metadata: fields)
  }
}

extension OverdueCall {
  fileprivate var fields: Logger.Metadata {
    var fields: Logger.Metadata = [
      LogField.plugin: "\(call.plugin)", "call": "\(call.name)", "ms": "\(age / 1_000_000)", LogField.fault: "plugin",
    ]
    if let thread { fields["thread"] = "\(thread)" }
    return fields
  }
}

extension SerialLaneReport.Call {
  fileprivate var fields: Logger.Metadata {
    var fields: Logger.Metadata = [
      LogField.plugin: "\(plugin)", LogField.label: "\(label)", LogField.request: "\(request)",
    ]
    if let thread { fields["thread"] = "\(thread)" }
    return fields
  }
}
