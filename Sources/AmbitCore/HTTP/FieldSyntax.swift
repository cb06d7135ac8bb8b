/// Checks of header fields that the host is about to send or to look up.
public enum FieldSyntax {
  /// Whether the bytes are a field name: a token, and so not empty (RFC 9110, section 5.1).
  public static func isName(_ bytes: RawSpan) -> Bool {
    bytes.byteCount > 0 && bytes.endOfToken(from: 0) == bytes.byteCount
  }

  /// Whether the bytes may be sent as a field value: no control character but the tab (RFC 9110, section 5.5).
  ///
  /// Whitespace around the value is allowed; the receiver drops it.
  public static func isValue(_ bytes: RawSpan) -> Bool {
    bytes.hasNone(where: ByteBlock.endsText)
  }

  /// Whether two names are the same but for the case of ASCII letters. They need not be valid names.
  public static func isSameName(_ one: RawSpan, _ other: RawSpan) -> Bool {
    if one.byteCount != other.byteCount { return false }
    for position in 0..<one.byteCount where lowercased(one[octet: position]) != lowercased(other[octet: position]) {
      return false
    }
    return true
  }

  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }
}

/// The elements of a comma-separated field value, without the whitespace around them (RFC 9110, section 5.6.1).
///
/// An empty value has one empty element. Quoted strings are not looked into.
struct ListElements {
  private var position: Int
  private let end: Int

  init(of value: ByteRange) {
    position = value.start
    end = value.end
  }

  mutating func next(in bytes: RawSpan) -> ByteRange? {
    if position > end { return nil }
    var start = position
    var stop = position
    while stop < end && bytes[octet: stop] != Ascii.comma { stop += 1 }
    position = stop + 1
    while start < stop && Ascii.isWhitespace(bytes[octet: start]) { start += 1 }
    while stop > start && Ascii.isWhitespace(bytes[octet: stop - 1]) { stop -= 1 }
    return ByteRange(from: start, to: stop)
  }
}

/// Checks of what the host is told to send as the value of a Content-Type field.
public enum MediaType {
  /// Whether the text is a type and a subtype, and maybe parameters, which are only checked for what would end the
  /// field: `text/csv; charset=utf-8` (RFC 9110, section 8.3.1).
  public static func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.withOctets(FieldSyntax.isValue), let last = bytes.last, !isBlank(last) else { return false }
    let essence = bytes.prefix { $0 != UInt8(ascii: ";") && !isBlank($0) }
    let names = essence.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard names.count == 2, names.allSatisfy(isToken) else { return false }
    return [nil, UInt8(ascii: ";")].contains(bytes[essence.endIndex...].drop(while: isBlank).first)
  }

  private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy(ByteClass.token.contains)
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
