import AmbitRuntime
import CLinux
import Glibc

/// The process between the host and the one that rehearses. No code of plugins runs in it, and whatever that starts ends
/// with the rehearsal: a process that leaves its group, its session and its parent becomes a child of the keeper's, which
/// kills and awaits its children until there are none. Then the keeper ends as the rehearsing process did.
package struct RehearsalKeeper {
  /// Ends the rehearsal; sent by the host, or by the kernel when the host is gone.
  static let endSignal = SIGTERM

  private let stage: pid_t
  private let signals: sigset_t
  private var stageEnd: ProcessEnd?

  /// Divides this process, which has no other threads, into the keeper and the one that rehearses: returns in the
  /// latter.
  package static func divide() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [endSignal, SIGCHLD] { sigaddset(&signals, signal) }
    sigprocmask(SIG_BLOCK, &signals, nil)
    clinux_adopt_orphans()
    let keeper = getpid()
    switch clinux_fork() {
    case 0:
      clinux_end_with_parent(keeper)
      // Signals that a plugin sends to its group do not reach the keeper.
      setpgid(0, 0)
      sigprocmask(SIG_UNBLOCK, &signals, nil)
    case -1: _exit(EXIT_FAILURE)
    case let stage:
      var keeper = RehearsalKeeper(stage: stage, signals: signals)
      keeper.run()
    }
  }

  private init(stage: pid_t, signals: sigset_t) {
    (self.stage, self.signals) = (stage, signals)
    // The host is to notice when the stage closes its end.
    close(RehearsalStage.connection)
  }

  private mutating func run() -> Never {
    while reap(), stageEnd == nil, nextSignal() == SIGCHLD {}
    var looks = 0
    while reap() {
      if let children {
        for child in children { kill(child, SIGKILL) }
      } else {
        // Who has left the group cannot be found. The host does not wait for it.
        killGroup()
        looks += 1
        if looks > Self.looksWithoutList { break }
      }
      // Now and then also without a signal: the list of children may leave some out that come and go meanwhile.
      _ = nextSignal(within: 20_000_000)
    }
    switch stageEnd {
    case .exited(let code): _exit(code)
    case .signalled(let number): clinux_end_by_signal(number)
    case nil: _exit(EXIT_FAILURE)
    }
  }

  /// Takes leave of the children that have ended.
  /// - Returns: whether there are others.
  private mutating func reap() -> Bool {
    while true {
      var status: Int32 = 0
      let child = waitpid(-1, &status, WNOHANG)
      if child == stage { stageEnd = ProcessEnd(status: status) }
      if child <= 0 { return child == 0 }
    }
  }

  /// Waits for one of the signals; 0 if none comes within so many nanoseconds.
  private func nextSignal(within nanoseconds: Int? = nil) -> Int32 {
    var signals = signals
    while true {
      var limit = timespec(tv_sec: 0, tv_nsec: nanoseconds ?? 0)
      let signal =
        nanoseconds == nil ? sigwaitinfo(&signals, nil) : sigtimedwait(&signals, nil, &limit)
      if signal > 0 { return signal }
      if errno != EINTR { return 0 }
    }
  }

  /// How often it is looked whether all children have ended where the system does not list them: for a second.
  private static let looksWithoutList = 50

  /// The one that rehearses, and what has stayed in its group.
  private func killGroup() {
    if stageEnd == nil { kill(stage, SIGKILL) }
    kill(-stage, SIGKILL)
  }

  /// proc_pid_children(5); nil if the system does not tell: without /proc, and in some sandboxes.
  private var children: [pid_t]? {
    let list = try? TextFile.read("/proc/self/task/\(getpid())/children")
    return list.map { $0.split(separator: " ").compactMap { pid_t($0) } }
  }
}
