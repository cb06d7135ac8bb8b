/// A named value of a request, as a range of the bytes that contain it.
public struct FieldValue: Sendable, Equatable, BitwiseCopyable {
  /// The encoding of the value.
  public enum Form: UInt8, Sendable, BitwiseCopyable {
    /// There is no value.
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
    /// Values that no C type can take.
    case jsonNull, jsonObject, jsonArray
  }

  /// The part of the request that contains the range.
  public enum Origin: UInt8, Sendable, BitwiseCopyable {
    case path, query, body
  }

  /// The bytes of the value as sent.
  public let range: ByteRange
  public let form: Form
  public let origin: Origin

  /// A value of the given form; by default there is no value.
  public init(_ range: ByteRange = ByteRange(), form: Form = .missing, origin: Origin = .path) {
    self.range = range
    self.form = form
    self.origin = origin
  }

  /// Whether the text of the value is not its bytes as sent, so that `decodeText` must decode it.
  public var needsDecoding: Bool { form == .formText || form == .jsonEscapedText }

  /// Whether a value of this form can be a value of the type, before its text is parsed. Text can be of any type, since
  /// a query has only text. A JSON number cannot be text. Null, objects and arrays have no C type.
  public func canBe(_ type: CType) -> Bool {
    switch form {
    case .missing, .jsonNull, .jsonObject, .jsonArray: false
    case .text, .formText, .jsonText, .jsonEscapedText: type.isScalar || type == .str || type == .bytes
    case .jsonScalar: type.isScalar
    }
  }

  /// Writes the decoded text of a value that needs decoding.
  /// - Parameters:
  ///   - bytes: the bytes that contain the value.
  ///   - buffer: room for as many bytes as `range` has.
  /// - Returns: the number of bytes written to the beginning of the buffer.
  public func decodeText(of bytes: RawSpan, into buffer: inout MutableRawSpan) -> Int {
    form == .jsonEscapedText
      ? decodeJSONText(range, of: bytes, into: &buffer) : decodeFormText(range, of: bytes, into: &buffer)
  }
}

/// An argument that is missing in a request, or malformed for its parameter. The client gets 400 with this text.
public struct ArgumentError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The parameter's name, or `body`.
  public let parameter: String
  /// The values that the parameter takes, for a sentence that begins with "expected".
  public let expected: String
  /// The value in the request, for a sentence that continues with "found".
  public let found: String

  /// `a: expected i8 (-128 to 127), found "300"`.
  public var description: String { "\(parameter): expected \(expected), found \(found)" }

  /// The error for a value that does not fit its type.
  /// - Parameter text: the decoded text of the value, or its bytes as sent if it is not text.
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

  /// The error for an argument that is missing in a request whose body has fields that cannot be read.
  public init(missing parameter: String, of type: CType, _ hint: UnreadFields) {
    self.parameter = parameter
    expected = type.expectation
    found = "nothing in path, query or body: \(hint.reason)"
  }

  /// The error for a length that the type of the parameter cannot hold.
  public init(length: Int, of name: String, as type: CType) {
    parameter = "len(\(name))"
    expected = type.expectation
    found = "\(length)"
  }

  /// The error for a malformed body in which names are looked up.
  public init(_ error: JSONError) {
    parameter = "body"
    expected = "\(error.expected) at byte \(error.offset + 1)"
    found = error.found
  }

  /// The error for a body that is passed as text and contains a NUL.
  public init(bodyWithNULAt offset: Int) {
    parameter = "body"
    expected = CType.str.expectation
    found = "one at byte \(offset + 1)"
  }
}

extension RawSpan {
  /// The bytes as text, truncated for a message of one line. Bytes that are not UTF-8 are replaced.
  fileprivate var truncatedText: String {
    // 40 scalars have at most 160 bytes; one scalar more shows that the text goes on.
    let bytes = (0..<Swift.min(byteCount, 41 * 4)).map { self[octet: $0] }
    return AmbitCore.truncated(String(decoding: bytes, as: UTF8.self))
  }
}
