import Glibc

/// A program that was started, with the host's standard streams. It is waited for when the value ends, so that no
/// zombie is left.
struct ChildProcess: ~Copyable {
  private let id: pid_t

  /// Starts `arguments[0]`, looked for in PATH, with this process's environment. Whatever signals the host blocks or
  /// ignores, the program gets none blocked and ends by SIGPIPE as usual.
  init(_ arguments: [String]) throws(FileError) {
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
  consuming func succeeds() -> Bool {
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
