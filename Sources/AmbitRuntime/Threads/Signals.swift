internal import CLinux
internal import Glibc

/// The signals the host answers. They are blocked in every thread, so that no system call of a plugin is ever
/// interrupted, and read from a descriptor by the control thread: signalfd(2).
public final class Signals: Sendable {
  public enum Signal: Sendable {
    case reload
    case terminate
    /// Tell what runs.
    case dump
    /// Open the log anew, after its file was renamed.
    case reopenLog
  }

  private let descriptor: Int32

  /// Blocks the signals in the calling thread and in those it will start. Call it before any thread is started.
  public init() throws(SystemError) {
    var set = Self.handled
    let code = pthread_sigmask(SIG_BLOCK, &set, nil)
    guard code == 0 else { throw SystemError(operation: "pthread_sigmask", code: code) }
    // A client that goes away while it is written to is an error of that write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    descriptor = try SystemError.check("signalfd", signalfd(-1, &set, clinux_sfd_cloexec))
  }

  private static var handled: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in [SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2] { sigaddset(&set, signal) }
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

  /// Waits for the next signal, at most `timeout` nanoseconds (negative: for ever); nil if none came.
  public func next(timeout: Int64 = -1) -> Signal? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let deadline = timeout < 0 ? Int64.max : Clock.monotonic.addingReportingOverflow(timeout).partialValue
    while true {
      let left = timeout < 0 ? -1 : Int32(clamping: max((deadline - Clock.monotonic + 999_999) / 1_000_000, 0))
      guard Glibc.poll(&poll, 1, left) > 0 else {
        if left == 0 || timeout >= 0 && Clock.monotonic >= deadline { return nil }
        continue
      }
      var info = signalfd_siginfo()
      guard read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) > 0 else { continue }
      switch Int32(info.ssi_signo) {
      case SIGHUP: return .reload
      case SIGUSR1: return .reopenLog
      case SIGUSR2: return .dump
      default: return .terminate
      }
    }
  }
}
