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
