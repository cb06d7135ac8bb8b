internal import AmbitCore
internal import Glibc

/// A failed system call: what was tried, and the system's reason.
public struct SystemError: Error, CustomStringConvertible, Sendable {
  /// What was tried: the name of the call, or words such as "cannot open FILE".
  public let operation: String
  /// The value of `errno`; see errno(3).
  public let code: Int32

  /// - Parameter code: nil: the present value of `errno`.
  public init(operation: String, code: Int32? = nil) {
    self.operation = operation
    self.code = code ?? errno
  }

  public var description: String { "\(operation.printable): \(Self.text(code))" }

  /// Whether the content that was read is at fault, because it is too long, and not the system. Then a second try is
  /// no use.
  public var isOfContent: Bool { code == EFBIG }

  /// Whether nobody reads any more what was written.
  package var isOfClosedPipe: Bool { code == EPIPE }

  /// The system's text for an error number.
  public static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

  /// Returns a result that is not negative; throws an error with `errno` otherwise.
  @discardableResult
  public static func check(_ operation: @autoclosure () -> String, _ result: Int32) throws(SystemError) -> Int32 {
    guard result >= 0 else { throw SystemError(operation: operation()) }
    return result
  }
}

/// A failed system call on a file, a folder or a program: the subject, what was tried, and the system's reason.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file or folder, or the name of the program.
  package let subject: String
  /// What was tried, to follow the word "cannot".
  package let action: String
  /// The value of errno.
  package let code: Int32

  package init(subject: String, action: String, code: Int32) {
    (self.subject, self.action, self.code) = (subject, action, code)
  }

  package var reason: String { "cannot \(action.printable): \(SystemError.text(code))" }
  package var description: String { "\(subject.printable): \(reason)" }
}

/// Makes a system call, again if a signal interrupts it, and throws an error with errno if it returns -1.
package func systemCall<Result: SignedInteger>(
  _ action: String, _ subject: String, _ body: () -> Result
) throws(FileError) -> Result {
  while true {
    let result = body()
    guard result == -1 else { return result }
    guard errno == EINTR else { throw FileError(subject: subject, action: action, code: errno) }
  }
}
