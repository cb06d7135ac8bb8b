/// A member of a JSON object.
public struct JSONMember: Sendable, Equatable, BitwiseCopyable {
  /// The name, without its quotes.
  public let name: ByteRange
  /// Whether the name has escapes.
  public let nameNeedsDecoding: Bool
  /// The value, of any kind.
  public let value: FieldValue

  /// Whether the member has this name.
  func isNamed(_ text: RawSpan, in bytes: RawSpan) -> Bool {
    if nameNeedsDecoding { return jsonText(name, of: bytes, decodesTo: text) }
    guard Int(name.length) == text.byteCount else { return false }
    for place in 0..<text.byteCount where bytes[octet: name.start + place] != text[octet: place] { return false }
    return true
  }
}

/// Iterates over the members of a JSON text that is one object (RFC 8259). Checks and skips values that are objects or
/// arrays. Strict: no comments, no byte order mark, no comma at the end, well-formed UTF-8.
public struct JSONObjectCursor: Sendable {
  private enum State {
    case before, inside, after
  }

  private var cursor = JSONCursor()
  private var state = State.before

  /// A cursor before the first member.
  public init() {}

  /// The next member; nil at the end of the object and the text. The caller passes the same bytes each time, at most
  /// `UInt32.max`. Does not allocate unless it throws.
  public mutating func next(in bytes: RawSpan) throws(JSONError) -> JSONMember? {
    switch state {
    case .after: return nil
    case .before:
      guard cursor.take(UInt8(ascii: "{"), bytes) else {
        throw cursor.unexpected(bytes, expected: "a JSON object")
      }
      state = .inside
      if cursor.take(UInt8(ascii: "}"), bytes) { return try end(bytes) }
    case .inside:
      if cursor.take(UInt8(ascii: "}"), bytes) { return try end(bytes) }
      guard cursor.take(Ascii.comma, bytes) else { throw cursor.unexpected(bytes, expected: "`,` or `}`") }
    }
    let (name, hasEscapes) = try cursor.name(bytes)
    return JSONMember(name: name, nameNeedsDecoding: hasEscapes, value: try cursor.value(bytes))
  }

  private mutating func end(_ bytes: RawSpan) throws(JSONError) -> JSONMember? {
    state = .after
    cursor.skipBlanks(bytes)
    guard cursor.position == bytes.byteCount else {
      throw cursor.unexpected(bytes, expected: "the end of the text after the object")
    }
    return nil
  }
}

/// An error in a JSON object from which arguments are taken (RFC 8259).
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The position of the error in bytes from the beginning.
  public let offset: Int
  /// The text that would be accepted there, for a sentence that begins with "expected".
  public let expected: String
  /// The text that is there, for a sentence that continues with "found".
  public let found: String

  /// All three on one line. The position counts bytes from 1.
  public var description: String { "expected \(expected) at byte \(offset + 1), found \(found)" }
}

extension RawSpan {
  /// An error at a position.
  func jsonError(at offset: Int, expected: String) -> JSONError {
    guard offset < byteCount else { return JSONError(offset: offset, expected: expected, found: "the end") }
    guard let length = characterLength(at: offset, end: byteCount) else {
      let byte = String(self[octet: offset], radix: 16, uppercase: true)
      return JSONError(offset: offset, expected: expected, found: "the byte 0x\(byte)")
    }
    let character = (offset..<offset + length).map { self[octet: $0] }
    return JSONError(
      offset: offset, expected: expected, found: "`\(truncated(String(decoding: character, as: UTF8.self)))`")
  }
}
