/// A named value of a request, as a range of the bytes that it was found in.
public struct FieldValue: Sendable, Equatable, BitwiseCopyable {
  /// How the value is written.
  public enum Form: UInt8, Sendable, BitwiseCopyable {
    /// There is none.
    case missing
    /// Text as it is.
    case text
    /// Text of a query or form with escapes.
    case formText
    /// The inside of a JSON string without escapes.
    case jsonText
    /// The inside of a JSON string with escapes.
    case jsonEscapedText
    /// A JSON number, `true` or `false`.
    case jsonScalar
    /// These have no value that C could take.
    case jsonNull, jsonObject, jsonArray
  }

  /// Which bytes the range belongs to.
  public enum Origin: UInt8, Sendable, BitwiseCopyable {
    case path, query, body
  }

  /// The value's bytes, as sent.
  public let range: ByteRange
  public let form: Form
  public let origin: Origin

  /// A value of the given form; by default none.
  public init(_ range: ByteRange = ByteRange(), form: Form = .missing, origin: Origin = .path) {
    self.range = range
    self.form = form
    self.origin = origin
  }

  /// Whether the value's text is not its bytes, but what `decodeText` makes of them.
  public var needsDecoding: Bool { form == .formText || form == .jsonEscapedText }

  /// Whether a value of this form can be one of the type, before its text is looked at: text can be anything, since a
  /// query has nothing else; a JSON number is no text, and null, objects and arrays are nothing that C could take.
  public func canBe(_ type: CType) -> Bool {
    switch form {
    case .missing, .jsonNull, .jsonObject, .jsonArray: false
    case .text, .formText, .jsonText, .jsonEscapedText: type.isScalar || type == .str || type == .bytes
    case .jsonScalar: type.isScalar
    }
  }

  /// Writes the value's text, if it needs decoding.
  /// - Parameters:
  ///   - bytes: what the value was found in.
  ///   - buffer: room for as many bytes as `range` has.
  /// - Returns: how many bytes were written from the buffer's beginning on.
  public func decodeText(of bytes: RawSpan, into buffer: inout MutableRawSpan) -> Int {
    form == .jsonEscapedText
      ? decodeJSONText(range, of: bytes, into: &buffer) : decodeFormText(range, of: bytes, into: &buffer)
  }
}

/// An argument that a request does not have, or has in another form than its parameter takes.
public struct ArgumentError: Error, Sendable, Hashable, CustomStringConvertible {
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
      case .text, .formText, .jsonText, .jsonEscapedText: "\"\(text.truncatedText)\""
      case .jsonScalar: text.truncatedText
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
  fileprivate var truncatedText: String {
    // Forty scalars have at most so many bytes, and one more shows that there are more.
    let bytes = (0..<Swift.min(byteCount, 41 * 4)).map { self[octet: $0] }
    return AmbitCore.truncated(String(decoding: bytes, as: UTF8.self))
  }
}
