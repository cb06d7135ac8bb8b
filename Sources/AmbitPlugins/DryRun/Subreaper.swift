import AmbitRuntime
import AmbitSystem
import CLinux
import Glibc

/// The process between the host and the child that loads plugins; no code of plugins runs in it. It makes every process
/// that a plugin starts end with the dry run: a process that leaves its group, session and parent becomes a child of
/// the subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), which kills and reaps its children until there are none. Then the
/// subreaper ends the way the child did.
package struct Subreaper {
  /// Ends the dry run. The host sends it, or the kernel when the host is gone.
  static let endSignal = SIGTERM

  private let child: pid_t
  private let signals: sigset_t
  private var childEnd: ProcessEnd?

  /// Forks the child that loads plugins, and returns in that child; this process becomes the subreaper. It has no other
  /// threads yet.
  package static func forkChild() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [endSignal, SIGCHLD] { unsafe sigaddset(&signals, signal) }
    unsafe sigprocmask(SIG_BLOCK, &signals, nil)
    clinux_adopt_orphans()
    let subreaper = getpid()
    switch clinux_fork() {
    case 0:
      clinux_end_with_parent(subreaper)
      // Signals that a plugin sends to its group do not reach the subreaper.
      setpgid(0, 0)
      unsafe sigprocmask(SIG_UNBLOCK, &signals, nil)
    case -1: _exit(EXIT_FAILURE)
    case let child:
      var subreaper = Subreaper(child: child, signals: signals)
      subreaper.run()
    }
  }

  private init(child: pid_t, signals: sigset_t) {
    (self.child, self.signals) = (child, signals)
    // The host must notice when the child closes its end.
    close(DryRunChild.connection)
  }

  private mutating func run() -> Never {
    while reap(), childEnd == nil, nextSignal() == SIGCHLD {}
    var attempts = 0
    while reap() {
      if let children {
        for descendant in children { kill(descendant, SIGKILL) }
      } else {
        // A process that has left the group cannot be found. The host does not wait for it.
        killGroup()
        attempts += 1
        if attempts > Self.attemptsWithoutList { break }
      }
      // With a timeout, because the list of children may leave out some that come and go meanwhile.
      _ = nextSignal(within: 20_000_000)
    }
    switch childEnd {
    case .exited(let code): _exit(code)
    case .signalled(let number): clinux_end_by_signal(number)
    case nil: _exit(EXIT_FAILURE)
    }
  }

  /// Reaps the children that have ended.
  /// - Returns: whether there are others.
  private mutating func reap() -> Bool {
    while true {
      var status: Int32 = 0
      let ended = unsafe waitpid(-1, &status, WNOHANG)
      if ended == child { childEnd = ProcessEnd(status: status) }
      if ended <= 0 { return ended == 0 }
    }
  }

  /// Waits for one of the signals. Returns 0 if none comes within so many nanoseconds.
  private func nextSignal(within nanoseconds: Int? = nil) -> Int32 {
    var signals = signals
    while true {
      var limit = timespec(tv_sec: 0, tv_nsec: nanoseconds ?? 0)
      let signal =
        unsafe nanoseconds == nil ? sigwaitinfo(&signals, nil) : sigtimedwait(&signals, nil, &limit)
      if signal > 0 { return signal }
      if errno != EINTR { return 0 }
    }
  }

  /// How often to kill and wait, 20 ms each, on systems that do not list the children.
  private static let attemptsWithoutList = 50

  /// Kills the child and all processes of its group.
  private func killGroup() {
    if childEnd == nil { kill(child, SIGKILL) }
    kill(-child, SIGKILL)
  }

  /// The children of this process: proc_pid_children(5). Nil without /proc and in some sandboxes.
  private var children: [pid_t]? {
    let list = try? TextFile.read("/proc/self/task/\(getpid())/children")
    return list.map { $0.split(separator: " ").compactMap { pid_t($0) } }
  }
}
