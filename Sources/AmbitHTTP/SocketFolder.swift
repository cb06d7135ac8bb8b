internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// The folder that the file of a local socket lies in.
enum SocketFolder {
  /// Runs `body` for the socket at `path` while nobody else runs such a thing for the same folder, in this process or
  /// another: flock(2). Waits for its turn.
  ///
  /// From a look at a socket's file, whether somebody listens there, to listening there oneself it takes several system
  /// calls: under the lock the second of two hosts that start at once sees the first.
  static func locked<Result>(
    for path: String, _ body: () throws(ListenError) -> Result
  ) throws(ListenError) -> Result {
    let descriptor = try ListenError.about(.unix(path: path)) { () throws(SystemError) in try lock(folder(of: path)) }
    defer { clinux_close(descriptor) }
    return try body()
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[...slash])
  }

  /// The descriptor that holds the lock.
  private static func lock(_ folder: String) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("open", clinux_own(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        clinux_close(descriptor)
        throw SystemError(operation: "flock")
      }
    }
    return descriptor
  }
}
