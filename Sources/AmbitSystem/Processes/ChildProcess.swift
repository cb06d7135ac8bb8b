internal import AmbitCore
internal import CLinux
internal import Glibc

/// A child process that shares the host's standard streams. The end of the value waits for its end, so that no zombie
/// is left.
package struct ChildProcess: ~Copyable {
  private let id: pid_t

  /// Starts `arguments[0]`, which is searched for in PATH, with this process's environment. The program starts with no
  /// signal blocked and with the default action for SIGPIPE.
  /// - Throws: if it cannot be started.
  package init(_ arguments: [String]) throws(FileError) {
    id = try Self.start(arguments)
  }

  /// Starts a program as `init` does.
  /// - Parameter inOwnGroup: whether it begins a process group of its own.
  /// - Returns: its process id.
  static func start(_ arguments: [String], inOwnGroup: Bool = false) throws(FileError) -> pid_t {
    let vector = unsafe arguments.map { unsafe strdup($0.systemPath) } + [nil]
    defer { unsafe vector.forEach { unsafe free($0) } }
    return try OwnChildren.starting { () throws(FileError) -> pid_t in
      var id = pid_t()
      let code = unsafe withSpawnAttributes(inOwnGroup: inOwnGroup) {
        unsafe posix_spawnp(&id, vector[0]!, nil, $0, vector, environ)
      }
      guard code == 0 else { throw FileError(subject: arguments[0], action: "start it", code: code) }
      return id
    }
  }

  deinit { _ = OwnChildren.reap(id) }

  /// Waits until the program has ended. Blocks.
  /// - Returns: whether it exited with status 0.
  package consuming func succeeds() -> Bool {
    let id = id
    discard self
    return OwnChildren.reap(id)?.end == .exited(0)
  }
}

/// How a process ended: waitpid(2).
package enum ProcessEnd: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)

  /// From the status that waitpid(2) gives.
  package init(status: Int32) {
    self = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
  }

  /// As the predicate of a sentence: "was killed by SIGKILL", "exited with status 3".
  package var text: String {
    switch self {
    case .exited(let status): "exited with status \(status)"
    case .signalled(let number): "was killed by \(Self.name(ofSignal: number))"
    }
  }

  /// The signal's name, as SIGSEGV; `signal N` if it has none.
  package static func name(ofSignal number: Int32) -> String {
    let names: [Int32: String] = [
      SIGABRT: "SIGABRT", SIGALRM: "SIGALRM", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGHUP: "SIGHUP", SIGILL: "SIGILL",
      SIGINT: "SIGINT", SIGKILL: "SIGKILL", SIGPIPE: "SIGPIPE", SIGQUIT: "SIGQUIT", SIGSEGV: "SIGSEGV",
      SIGSTOP: "SIGSTOP", SIGSYS: "SIGSYS", SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP", SIGTSTP: "SIGTSTP",
      SIGTTIN: "SIGTTIN", SIGTTOU: "SIGTTOU", SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2", SIGXCPU: "SIGXCPU",
      SIGXFSZ: "SIGXFSZ",
    ]
    return names[number] ?? "signal \(number)"
  }
}

/// Calls `body` with attributes for posix_spawn(3) by which the new process does not inherit the host's treatment of
/// signals: none is blocked, and SIGPIPE has its default action.
/// - Parameter inOwnGroup: whether it begins a process group of its own.
func withSpawnAttributes<Result>(
  inOwnGroup: Bool = false, _ body: (UnsafePointer<posix_spawnattr_t>) -> Result
) -> Result {
  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe posix_spawnattr_setsigmask(&attributes, &signals)
  unsafe sigaddset(&signals, SIGPIPE)
  unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
  let group = inOwnGroup ? POSIX_SPAWN_SETPGROUP : 0
  unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group))
  return unsafe body(&attributes)
}

/// Starts the program at the path `words[0]` in a process group of its own, with no signal blocked, ignored or handled,
/// and returns its process id, which the caller passes to `OwnChildren.reap`. Waits until it runs.
/// - Parameters:
///   - descriptors: The first becomes the program's descriptor 1, the next its 2, and so on. Its standard input is
///     /dev/null.
///   - niceness: How much lower its priority is than this process's: nice(2).
///   - endSignal: The signal that the kernel sends it when the calling thread ends.
package func startProcess(
  _ words: [String], environment: [String: String], descriptors: [Int32], niceness: Int32, endSignal: Int32
) throws(FileError) -> Int32 {
  let nothing = try systemCall("open it", "/dev/null") { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
  defer { close(nothing) }
  let descriptors = [nothing] + descriptors
  return try unsafe startChild(words, environment) { vector, variables in
    unsafe clinux_run_beside(vector, variables, descriptors, descriptors.count, niceness, endSignal)
  }
}

/// Starts the program at the path `words[0]` in the group of this process, with its standard streams, and with no signal
/// blocked, ignored or handled. Waits until it runs.
/// - Parameters:
///   - descriptors: They become the program's descriptors 3, 4 and so on.
///   - mark: What the program has, and all that it will start.
/// - Returns: its process id, for `OwnChildren`.
func startMarkedProcess(
  _ words: [String], environment: [String: String], descriptors: [Int32], mark: ProcessMark
) throws(FileError) -> Int32 {
  try unsafe startChild(words, environment) { vector, variables in
    unsafe clinux_run_child(vector, variables, descriptors, descriptors.count, mark.limit)
  }
}

/// Calls `start` with the program's arguments and variables as execve(2) takes them.
private func startChild(
  _ words: [String], _ environment: [String: String],
  _ start: ([UnsafeMutablePointer<CChar>?], [UnsafeMutablePointer<CChar>?]) -> Int32
) throws(FileError) -> Int32 {
  let vector = unsafe words.map { unsafe strdup($0.systemPath) } + [nil]
  let variables = unsafe environment.map { unsafe strdup("\($0)=\($1)".systemPath) } + [nil]
  defer { unsafe (vector + variables).forEach { unsafe free($0) } }
  return try OwnChildren.starting { () throws(FileError) in
    try systemCall("start it", words[0]) { unsafe start(vector, variables) }
  }
}

/// Two connected descriptors, `ours` for this process and `theirs` for a child process. Both are closed on exec, and
/// when the object is released; ours only if it was not taken.
package final class DescriptorPair {
  /// Stays the object's; to be inherited by the child.
  package let theirs: Int32
  private var ours: Int32

  /// A pair of connected stream sockets: socketpair(2).
  /// - Parameter subject: what the pair is for, in the error.
  package init(socketsFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    _ = try systemCall("make sockets for it", subject) { unsafe socketpair(AF_UNIX, type, 0, &ends) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  /// The two ends of a pipe, ours for reading and theirs for writing: pipe(2).
  /// - Parameter subject: what the pipe is for, in the error.
  package init(pipeFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    _ = try systemCall("make a pipe for it", subject) { unsafe pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  deinit {
    clinux_close(theirs)
    if ours >= 0 { clinux_close(ours) }
  }

  /// Our end, made non-blocking. The caller owns it from now on and closes it by `clinux_close`.
  package func takeOurs() -> Int32 {
    _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    defer { ours = -1 }
    return ours
  }
}
