internal import Glibc

/// A system call that failed: what was tried, and what the system said.
package struct SystemError: Error, CustomStringConvertible, Sendable {
  /// What was tried, in words or as the call's name.
  package let operation: String
  /// The value of `errno`; see errno(3).
  package let code: Int32

  package init(operation: String, code: Int32 = errno) {
    self.operation = operation
    self.code = code
  }

  package var description: String { "\(operation): \(Self.text(code))" }

  /// The system's text for an error number.
  package static func text(_ code: Int32) -> String { String(cString: strerror(code)) }

  /// Passes on a result that is not negative, and throws what `errno` says of one that is.
  @discardableResult
  package static func check(_ operation: @autoclosure () -> String, _ result: Int32) throws(SystemError) -> Int32 {
    guard result >= 0 else { throw SystemError(operation: operation()) }
    return result
  }
}
