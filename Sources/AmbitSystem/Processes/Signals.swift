internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// The signals that the host handles. Nothing is blocked or ignored in any thread, because programs that plugins start
/// would inherit that. The handlers only wake a thread of their own, which needs no descriptor, since code of a plugin
/// could close one.
///
/// The control thread takes one after the other by `next`. A second signal to end the host is handled at once, on the
/// signal thread: the control thread may be blocked by a plugin.
public final class Signals: Sendable {
  public enum Signal: Sendable {
    /// SIGHUP.
    case reload
    /// SIGTERM or SIGINT.
    case terminate
    /// SIGUSR2: log what runs.
    case dump
    /// SIGUSR1: open the log file again, after it was renamed.
    case reopenLog
    /// No signal: another thread of this process has something for the control thread. See `notify`.
    case order
  }

  private struct Inbox {
    /// Each at most once, in the order of arrival.
    var pending: [Signal] = []
    /// When the first signal to end the process arrived: monotonic nanoseconds.
    var terminatedAt: Int64?
    /// When the process has to end, whatever the control thread does: monotonic nanoseconds.
    var lastMoment = Int64.max
    var stopLimit = Int64.max
    var onStopLimit: @Sendable () -> Void = { HostProcess.exit(0) }
    var onSecondTermination: @Sendable () -> Void = { HostProcess.exit(0) }
  }

  private let inbox = Mutex(Inbox())
  /// Held while signals are put into the inbox.
  private let delivery = Mutex<Void>(())
  private let reclaims: Bool
  /// For the control thread, after a signal was put into the inbox.
  private let wakeup = Wakeup()

  /// Starts the thread that waits for the signals, and installs the handlers if that was not done before.
  /// - Parameter reclaims: Whether code of plugins runs in this process, which may replace the handlers: the thread then
  ///   looks after them all the time. Otherwise it sleeps until a signal comes.
  /// - Throws: if the system has no thread to wait for signals.
  public init(reclaims: Bool = true) throws(SystemError) {
    self.reclaims = reclaims
    try Self.install()
    try SystemThread(for: "signals") { self.receive() }.detach()
  }

  /// Installs the handlers, and unblocks all signals in the calling thread and in the threads that it will start. Signals
  /// that come before the first value of this class is made wait for it. Call it on the main thread, before other threads
  /// are started. A second call has no effect.
  public static func install() throws(SystemError) {
    guard installation == 0 else { throw SystemError(operation: "sigaction", code: installation) }
  }

  /// Gives each signal that ends or reloads a host, and those of closed pipes and of the limit of files, a handler that
  /// has no effect, and unblocks all signals in the calling thread and in the threads that it will start. For a process
  /// that another one tells what to do, and that runs code of plugins: such signals reach it when they are sent to the
  /// whole process group, as by Ctrl-C, or to the whole control group. What it starts has the default actions. Call it on
  /// the main thread, before other threads are started.
  public static func installEmpty() throws(SystemError) {
    clinux_survive_signal(SIGXFSZ)
    try install()
  }

  /// Starts a thread that looks all the time whether code of plugins has replaced the handlers of `installEmpty`: then
  /// such a signal would end the process, or run the other code. Call it after `Confinement.apply`, which is about the
  /// threads that start later.
  /// - Throws: if the system has no thread for that.
  public static func keepEmpty() throws(SystemError) {
    try SystemThread(for: "signals") {
      unsafe clinux_name_thread("ambit-signals")
      while true {
        clinux_await_signals(reclaimInterval)
        reclaim(from: nil)
      }
    }.detach()
  }

  private static let installation: Int32 = {
    HostProcess.surviveClosedPipes()
    return clinux_handle_signals(numbers.reduce(0) { $0 | 1 << UInt64($1) })
  }()

  private static let numbers = [SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2]

  /// Sends a signal to this process, as an operator would. If it is pending already, it arrives once.
  public static func raise(_ signal: Signal) { kill(getpid(), number(of: signal)) }

  private static func number(of signal: Signal) -> Int32 {
    switch signal {
    case .reload: SIGHUP
    case .terminate: SIGTERM
    case .dump: SIGUSR2
    case .reopenLog: SIGUSR1
    case .order: preconditionFailure("an order is no signal")
    }
  }

  /// Wakes the control thread, which finds `.order`. From any thread; does not wait.
  public func notify() { take(.order) }

  /// Sets what a second signal to end the process does, on the signal thread. By default it ends the process.
  public func onSecondTermination(_ action: @escaping @Sendable () -> Void) {
    inbox.withLock { $0.onSecondTermination = action }
  }

  /// Sets what happens, on the signal thread, if the process has not ended `limit` nanoseconds after the first signal
  /// to end it. By default there is no limit. The limit of a signal that has arrived stays.
  public func onStopLimit(_ limit: Int64, _ action: @escaping @Sendable () -> Void) {
    inbox.withLock { ($0.stopLimit, $0.onStopLimit) = (limit, action) }
  }

  /// Whether a signal to end the process has arrived. From any thread.
  public var isTerminating: Bool { terminatedAt != nil }

  /// When the first signal to end the process arrived, in monotonic nanoseconds; nil before. From any thread.
  public var terminatedAt: Int64? { inbox.withLock { $0.terminatedAt } }

  /// Waits for the next signal. For the control thread.
  /// - Parameter timeout: nanoseconds; negative: without a limit.
  /// - Returns: nil if none arrived in time.
  public func next(timeout: Int64 = -1) -> Signal? {
    let deadline = timeout < 0 ? Int64.max : Clock.monotonic.addingReportingOverflow(timeout).partialValue
    while true {
      if let signal = inbox.withLock({ $0.pending.isEmpty ? nil : $0.pending.removeFirst() }) { return signal }
      let left = timeout < 0 ? -1 : max(deadline - Clock.monotonic, 0)
      if left == 0 { return nil }
      wakeup.wait(atMost: left)
    }
  }

  private func receive() {
    unsafe clinux_name_thread("ambit-signals")
    while true {
      clinux_await_signals(min(reclaims ? Self.reclaimInterval : .max, timeUntilStopLimit))
      takeArrived()
      if timeUntilStopLimit == 0 { endAtStopLimit() }
      if reclaims { Self.reclaim(from: nil) }
    }
  }

  /// Puts the signals that have arrived into the inbox. When it returns, no other thread is about to do so.
  private func takeArrived() {
    delivery.withLock { _ in
      let arrived = clinux_take_signals()
      // A loop over an array allocates in a debug build, and this runs all the time.
      guard arrived != 0 else { return }
      for number in Self.numbers where arrived >> UInt64(number) & 1 != 0 {
        switch number {
        case SIGHUP: take(.reload)
        case SIGUSR1: take(.reopenLog)
        case SIGUSR2: take(.dump)
        default: take(.terminate)
        }
      }
    }
  }

  /// Leaves the signals that the control thread has not taken, and those that come from now on, to a program that is
  /// about to replace this one, on the calling thread: see `ProgramReplacement`. If it does not, call `release`.
  /// - Returns: false if a signal to end the process has come before. Then nothing is left to another program.
  package func hold() -> Bool {
    clinux_hold_signals()
    takeArrived()
    let left = inbox.withLock { inbox -> [Signal]? in
      guard inbox.terminatedAt == nil else { return nil }
      defer { inbox.pending.removeAll { $0 != .order } }
      return inbox.pending.filter { $0 != .order }
    }
    guard let left else {
      release()
      return false
    }
    // To this thread, which blocks it: it is still pending in the other program.
    for signal in left { pthread_kill(pthread_self(), Self.number(of: signal)) }
    return true
  }

  /// Takes signals again after `hold`, on the same thread, also those that have come meanwhile.
  package func release() { clinux_release_signals() }

  /// Nanoseconds until the process has to end; `Int64.max` if it has not to.
  private var timeUntilStopLimit: Int64 {
    let lastMoment = inbox.withLock { $0.lastMoment }
    return lastMoment == .max ? .max : max(lastMoment - Clock.monotonic, 0)
  }

  private func endAtStopLimit() {
    let action = inbox.withLock { inbox in
      inbox.lastMoment = .max
      return inbox.onStopLimit
    }
    action()
  }

  private func take(_ signal: Signal) {
    let action = inbox.withLock { inbox -> (@Sendable () -> Void)? in
      if signal == .terminate {
        guard inbox.terminatedAt == nil else { return inbox.onSecondTermination }
        let now = Clock.monotonic
        inbox.terminatedAt = now
        let (end, overflow) = now.addingReportingOverflow(inbox.stopLimit)
        inbox.lastMoment = overflow ? .max : end
      }
      if !inbox.pending.contains(signal) { inbox.pending.append(signal) }
      return nil
    }
    if let action { return action() }
    wakeup.notify()
  }
}
