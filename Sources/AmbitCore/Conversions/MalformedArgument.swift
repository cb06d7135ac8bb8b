/// An argument that a request does not have, or has in another form than its parameter takes.
public struct MalformedArgument: Error, Sendable, Hashable, CustomStringConvertible {
  /// The parameter's name, or `body`.
  public let parameter: String
  /// What it takes, for a sentence that begins with "expected".
  public let expected: String
  /// What came, for a sentence that goes on with "found".
  public let found: String

  /// `a: expected i8 (-128 to 127), found "300"`.
  public var description: String { "\(parameter): expected \(expected), found \(found)" }

  /// The refusal of a value that was looked at.
  /// - Parameter text: the value's text, decoded; what was sent itself if it is not text.
  public init(_ parameter: String, of type: CType, value: FieldValue, text: RawSpan) {
    self.parameter = parameter
    expected = type.expectation
    found =
      switch value.form {
      case .missing: "nothing in path, query or body"
      case .text, .formText, .jsonText, .jsonEscapedText: "\"\(text.excerpt)\""
      case .jsonScalar: text.excerpt
      case .jsonNull: "null"
      case .jsonObject: "an object"
      case .jsonArray: "an array"
      }
  }

  /// The refusal of a length that the parameter's type does not hold.
  public init(length: Int, of name: String, as type: CType) {
    parameter = "len(\(name))"
    expected = type.expectation
    found = "\(length)"
  }

  /// The refusal of a body that names should have been looked up in.
  public init(_ error: JSONError) {
    parameter = "body"
    expected = "\(error.expected) at byte \(error.offset + 1)"
    found = error.found
  }

  /// The refusal of a body as text, because there is a NUL in it.
  public init(bodyWithNULAt offset: Int) {
    parameter = "body"
    expected = CType.str.expectation
    found = "one at byte \(offset + 1)"
  }
}

extension RawSpan {
  /// The beginning of the bytes for a message of one line, what is not UTF-8 replaced.
  fileprivate var excerpt: String {
    // Forty scalars have at most so many bytes, and one more shows that there are more.
    let bytes = (0..<Swift.min(byteCount, 41 * 4)).map { self[octet: $0] }
    return AmbitCore.excerpt(String(decoding: bytes, as: UTF8.self))
  }
}
