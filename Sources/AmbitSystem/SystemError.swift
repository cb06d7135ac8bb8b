internal import Glibc

/// A system call that failed: what was tried, and what the system said.
public struct SystemError: Error, CustomStringConvertible, Sendable {
  /// What was tried, in words or as the call's name.
  public let operation: String
  /// The value of `errno`; see errno(3).
  public let code: Int32

  public init(operation: String, code: Int32? = nil) {
    self.operation = operation
    self.code = code ?? errno
  }

  public var description: String { "\(operation): \(Self.text(code))" }

  /// The bytes that were read are at fault, too many or no text, and not the system: trying again would not help.
  public var isOfContent: Bool { [EFBIG, EILSEQ].contains(code) }

  /// The system's text for an error number.
  public static func text(_ code: Int32) -> String { String(cString: strerror(code)) }

  /// Passes on a result that is not negative, and throws what `errno` says of one that is.
  @discardableResult
  public static func check(_ operation: @autoclosure () -> String, _ result: Int32) throws(SystemError) -> Int32 {
    guard result >= 0 else { throw SystemError(operation: operation()) }
    return result
  }
}

/// A system call about a file, a folder or a program failed: on which, doing what, and why, as the system says it.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, folder or command that the call was about.
  package let subject: String
  /// What was tried, to be read after "cannot".
  package let action: String
  /// The value of errno.
  package let code: Int32

  package init(subject: String, action: String, code: Int32) {
    (self.subject, self.action, self.code) = (subject, action, code)
  }

  package var reason: String { "cannot \(action): \(String(cString: strerror(code)))" }
  package var description: String { "\(subject): \(reason)" }
}

/// Calls `body` until it is not interrupted by a signal, and turns -1 into an error with errno.
package func systemCall<Result: SignedInteger>(
  _ action: String, _ subject: String, _ body: () -> Result
) throws(FileError) -> Result {
  while true {
    let result = body()
    guard result == -1 else { return result }
    guard errno == EINTR else { throw FileError(subject: subject, action: action, code: errno) }
  }
}
