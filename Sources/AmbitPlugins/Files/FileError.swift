import Glibc

/// A system call about a file, a folder or a program failed: on which, doing what, and why, as the system says it.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, folder or command that the call was about.
  package let subject: String
  /// What was tried, to be read after "cannot".
  package let action: String
  /// The value of errno.
  package let code: Int32

  package var reason: String { "cannot \(action): \(String(cString: strerror(code)))" }
  package var description: String { "\(subject): \(reason)" }
}

/// Calls `body` until it is not interrupted by a signal, and turns -1 into an error with errno.
func systemCall<Result: SignedInteger>(
  _ action: String, _ subject: String, _ body: () -> Result
) throws(FileError) -> Result {
  while true {
    let result = body()
    guard result == -1 else { return result }
    guard errno == EINTR else { throw FileError(subject: subject, action: action, code: errno) }
  }
}
