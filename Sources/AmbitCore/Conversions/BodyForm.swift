/// What kind of fields a body has, by its `Content-Type`.
public enum BodyForm: Sendable, Equatable {
  /// The members of a JSON object: `application/json`, or a type that ends in `+json` (RFC 6839, section 3.1).
  case json
  /// Pairs as in a query: `application/x-www-form-urlencoded`.
  case form
  /// None.
  case other

  /// The form that a `Content-Type` says, its parameters left aside.
  public init(contentType: RawSpan) {
    let name = MediaRange(ByteRange(from: 0, to: contentType.byteCount), of: contentType).name
    if contentType.equals(name, ignoringCaseOf: "application/x-www-form-urlencoded") {
      self = .form
    } else if contentType.equals(name, ignoringCaseOf: "application/json") || Self.hasSuffix(name, of: contentType) {
      self = .json
    } else {
      self = .other
    }
  }

  private static func hasSuffix(_ name: ByteRange, of bytes: RawSpan) -> Bool {
    guard name.length > 5 else { return false }
    return bytes.equals(ByteRange(from: name.end - 5, to: name.end), ignoringCaseOf: "+json")
  }
}
