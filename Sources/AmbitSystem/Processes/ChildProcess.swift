internal import Glibc

/// A program that was started, with the host's standard streams. It is waited for when the value ends, so that no
/// zombie is left.
package struct ChildProcess: ~Copyable {
  private let id: pid_t

  /// Starts `arguments[0]`, looked for in PATH, with this process's environment. Whatever signals the host blocks or
  /// ignores, the program gets none blocked and ends by SIGPIPE as usual.
  package init(_ arguments: [String]) throws(FileError) {
    let vector = arguments.map { strdup($0) } + [nil]
    defer { for argument in vector { free(argument) } }
    var id = pid_t()
    let code = withSpawnAttributes { posix_spawnp(&id, arguments[0], nil, $0, vector, environ) }
    guard code == 0 else { throw FileError(subject: arguments[0], action: "start it", code: code) }
    self.id = id
  }

  deinit { _ = Self.wait(for: id) }

  /// Waits until the program has ended.
  /// - Returns: whether it exited with status 0.
  package consuming func succeeds() -> Bool {
    let id = id
    discard self
    return Self.wait(for: id) == 0
  }

  /// The status as waitpid tells it.
  private static func wait(for id: pid_t) -> Int32 {
    var status: Int32 = -1
    while waitpid(id, &status, 0) == -1, errno == EINTR {}
    return status
  }
}

/// How a process ended: waitpid(2).
package enum ProcessEnd: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)

  /// From the status that waitpid gives.
  package init(status: Int32) {
    self = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
  }

  /// The signal's name as people know it.
  package static func name(ofSignal number: Int32) -> String {
    let names: [Int32: String] = [
      SIGABRT: "SIGABRT", SIGALRM: "SIGALRM", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGHUP: "SIGHUP", SIGILL: "SIGILL",
      SIGINT: "SIGINT", SIGKILL: "SIGKILL", SIGPIPE: "SIGPIPE", SIGQUIT: "SIGQUIT", SIGSEGV: "SIGSEGV",
      SIGSYS: "SIGSYS", SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP", SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2",
      SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ",
    ]
    return names[number] ?? "signal \(number)"
  }
}

/// What a new process does not inherit: whatever signals the host blocks or ignores, it gets none blocked, and ends by
/// SIGPIPE as usual.
func withSpawnAttributes<Result>(_ body: (UnsafePointer<posix_spawnattr_t>) -> Result) -> Result {
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  sigemptyset(&signals)
  posix_spawnattr_setsigmask(&attributes, &signals)
  sigaddset(&signals, SIGPIPE)
  posix_spawnattr_setsigdefault(&attributes, &signals)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
  return body(&attributes)
}
