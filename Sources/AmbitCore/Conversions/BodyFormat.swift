/// The format of the fields of a body, by its `Content-Type`.
public enum BodyFormat: Sendable, Equatable {
  /// A JSON object: `application/json`, or a type that ends in `+json` (RFC 6839, section 3.1).
  case json
  /// Pairs as in a query: `application/x-www-form-urlencoded`.
  case form
  /// `multipart/form-data`, whose fields are not read.
  case multipart
  /// Text of another type. Browsers send JSON as `text/plain` if a script does not say otherwise.
  case text
  /// There is no `Content-Type`, or an empty one.
  case unnamed
  /// None.
  case other

  /// The format of a `Content-Type`, without regard to its parameters.
  public init(contentType: RawSpan) {
    let name = MediaRange(ByteRange(from: 0, to: contentType.byteCount), of: contentType).name
    func hasPrefix(_ prefix: StaticString) -> Bool {
      let count = prefix.utf8CodeUnitCount
      return name.length >= count
        && contentType.equals(ByteRange(from: name.start, to: name.start + count), ignoringCaseOf: prefix)
    }
    if contentType.equals(name, ignoringCaseOf: "application/x-www-form-urlencoded") {
      self = .form
    } else if contentType.equals(name, ignoringCaseOf: "application/json") || Self.hasSuffix(name, of: contentType) {
      self = .json
    } else if name.length == 0 {
      self = .unnamed
    } else if hasPrefix("multipart/") {
      self = .multipart
    } else if hasPrefix("text/") {
      self = .text
    } else {
      self = .other
    }
  }

  /// Whether the body has fields, or may be JSON that its client has not declared, so that it is worth reading.
  public var mayHaveFields: Bool { self != .multipart && self != .other }

  private static func hasSuffix(_ name: ByteRange, of bytes: RawSpan) -> Bool {
    guard name.length > 5 else { return false }
    return bytes.equals(ByteRange(from: name.end - 5, to: name.end), ignoringCaseOf: "+json")
  }
}

/// Why fields of a body cannot be read, for the response to a request in which an argument is missing.
public struct UnreadFields: Sendable, Equatable {
  /// The reason and what to do.
  public let reason: String
  /// Whether the body certainly has fields, which the client expects to be read.
  public let isCertain: Bool

  /// nil if the fields of the body could be read, or if there is no body.
  /// - Parameter contentType: the field's value; nil without one.
  public init?(in body: RawSpan, _ format: BodyFormat, contentType: @autoclosure () -> String?) {
    switch format {
    case .json: return nil
    case .form, .text, .unnamed:
      if Self.looksLikeJSON(body) {
        let type = contentType().map { "its Content-Type is \(truncated($0))" } ?? "it has no Content-Type"
        let note = format == .form ? " (curl sends that by default)" : ""
        reason = "the body looks like JSON, but \(type)\(note); send Content-Type: application/json"
        isCertain = true
        return
      }
      guard format != .form, body.byteCount > 0 else { return nil }
    case .multipart, .other: break
    }
    isCertain = format == .multipart
    let type = contentType().map { "the Content-Type \(truncated($0))" } ?? "no Content-Type"
    reason = "the body has \(type); fields are read from application/json and application/x-www-form-urlencoded"
  }

  /// Whether the first byte that is no blank begins an object.
  private static func looksLikeJSON(_ body: RawSpan) -> Bool {
    for index in 0..<body.byteCount {
      switch body[octet: index] {
      case Ascii.space, Ascii.tab, Ascii.lineFeed, Ascii.carriageReturn: continue
      case let byte: return byte == UInt8(ascii: "{")
      }
    }
    return false
  }
}
