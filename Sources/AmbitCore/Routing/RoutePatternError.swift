/// Why a text is not a route pattern, or not a prefix to mount routes below: where it stops making sense, what would
/// have been accepted there, and what stands there instead.
public struct RoutePatternError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The whole text that was refused.
  public let text: String
  /// Where in the text the fault is, in bytes from its beginning.
  public let offset: Int
  /// What would have been accepted there, for a sentence that begins with "expected".
  public let expected: String
  /// What stands there, for a sentence that goes on with "found".
  public let found: String

  /// One line with all four, the place as a column that counts from 1.
  public var description: String {
    "\"\(text)\": column \(offset + 1): expected \(expected), found \(found)"
  }
}
