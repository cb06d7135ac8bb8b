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
