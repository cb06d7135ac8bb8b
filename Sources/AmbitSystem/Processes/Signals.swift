internal import CCrash
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// The signals the host answers. They are blocked in every thread, so that no system call of a plugin is ever
/// interrupted, and awaited by a thread of their own: sigwaitinfo(2). No descriptor is needed, which a plugin could close.
///
/// The control thread takes them one after the other. A second one to end the host does not wait for that: the control
/// thread may be waiting for what a plugin does.
public final class Signals: Sendable {
  public enum Signal: Sendable {
    case reload
    case terminate
    /// Tell what runs.
    case dump
    /// Open the log anew, after its file was renamed.
    case reopenLog
  }

  private struct Inbox {
    /// Each once, in the order in which they came first.
    var pending: [Signal] = []
    var isTerminating = false
    var onSecondTermination: @Sendable () -> Void = { HostProcess.exit(0) }
  }

  private let inbox = Mutex(Inbox())
  /// Rung when something has come into the inbox.
  private let wakeup = Wakeup()

  /// Blocks the signals in the calling thread and in those it will start. Call it before any thread is started.
  public init() throws(SystemError) {
    var set = Self.handled
    let code = pthread_sigmask(SIG_BLOCK, &set, nil)
    guard code == 0 else { throw SystemError(operation: "pthread_sigmask", code: code) }
    HostProcess.surviveClosedPipes()
    try SystemThread(for: "signals") { self.receive() }.detach()
  }

  /// Those that are blocked in every thread.
  package static var numbers: [Int32] { [SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2] }

  private static var handled: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in numbers { sigaddset(&set, signal) }
    return set
  }

  /// Sends a signal to this process, as an operator would: one that is pending already comes once.
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

  /// What a second signal to end the process does, on the thread of the signals; before the first call: it ends it.
  public func onSecondTermination(_ action: @escaping @Sendable () -> Void) {
    inbox.withLock { $0.onSecondTermination = action }
  }

  /// Whether a signal to end the process has come. From any thread.
  public var isTerminating: Bool { inbox.withLock { $0.isTerminating } }

  /// Waits for the next signal, at most `timeout` nanoseconds (negative: for ever); nil if none came.
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
    clinux_name_thread("ambit-signals")
    var set = Self.handled
    ccrash_note_waiter(SIGUSR1)
    while true {
      let signal = sigwaitinfo(&set, nil)
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
