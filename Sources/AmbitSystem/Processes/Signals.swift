internal import CCrash
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// The signals that the host handles. They are blocked in every thread, so that no system call of a plugin is ever
/// interrupted, and a thread of their own waits for them: sigwaitinfo(2). That needs no descriptor, which code of a
/// plugin could close.
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
  }

  private struct Inbox {
    /// Each at most once, in the order of arrival.
    var pending: [Signal] = []
    var isTerminating = false
    var onSecondTermination: @Sendable () -> Void = { HostProcess.exit(0) }
  }

  private let inbox = Mutex(Inbox())
  /// For the control thread, after a signal was put into the inbox.
  private let wakeup = Wakeup()

  /// Blocks the signals in the calling thread and in the threads that it will start. Call it before any thread is
  /// started.
  /// - Throws: if the system has no thread to wait for signals.
  public init() throws(SystemError) {
    try Self.block()
    HostProcess.surviveClosedPipes()
    try SystemThread(for: "signals") { self.receive() }.detach()
  }

  /// Blocks the signals in the calling thread and in the threads that it will start.
  public static func block() throws(SystemError) {
    var set = Self.handled
    let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    guard code == 0 else { throw SystemError(operation: "pthread_sigmask", code: code) }
  }

  /// The numbers of the signals that are blocked in every thread.
  package static var numbers: [Int32] { [SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2] }

  private static var handled: sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in numbers { unsafe sigaddset(&set, signal) }
    return set
  }

  /// Sends a signal to this process, as an operator would. If it is pending already, it arrives once.
  public static func raise(_ signal: Signal) {
    let number =
      switch signal {
      case .reload: SIGHUP
      case .terminate: SIGTERM
      case .dump: SIGUSR2
      case .reopenLog: SIGUSR1
      }
    kill(getpid(), number)
  }

  /// Sets what a second signal to end the process does, on the signal thread. By default it ends the process.
  public func onSecondTermination(_ action: @escaping @Sendable () -> Void) {
    inbox.withLock { $0.onSecondTermination = action }
  }

  /// Whether a signal to end the process has arrived. From any thread.
  public var isTerminating: Bool { inbox.withLock { $0.isTerminating } }

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
    var set = Self.handled
    ccrash_note_waiter(SIGUSR1)
    while true {
      let signal = unsafe sigwaitinfo(&set, nil)
      ccrash_rest_if_ending()
      switch signal {
      case -1 where errno == EINTR: continue
      case -1:
        let error = SystemError(operation: "cannot wait for signals: sigwaitinfo")
        Logger(label: "ambit").critical("\(error): the host ends")
        HostProcess.exit(EXIT_FAILURE)
      case SIGHUP: take(.reload)
      case SIGUSR1: take(.reopenLog)
      case SIGUSR2: take(.dump)
      default: take(.terminate)
      }
    }
  }

  private func take(_ signal: Signal) {
    let action = inbox.withLock { inbox -> (@Sendable () -> Void)? in
      if signal == .terminate, inbox.isTerminating { return inbox.onSecondTermination }
      inbox.isTerminating = inbox.isTerminating || signal == .terminate
      if !inbox.pending.contains(signal) { inbox.pending.append(signal) }
      return nil
    }
    if let action { return action() }
    wakeup.notify()
  }
}
