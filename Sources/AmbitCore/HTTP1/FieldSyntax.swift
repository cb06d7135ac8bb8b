/// Checks of header fields that the host is about to send or to look up.
public enum FieldSyntax {
  /// Whether the bytes are a field name: a token, and so not empty (RFC 9110, section 5.1).
  public static func isName(_ bytes: RawSpan) -> Bool {
    bytes.byteCount > 0 && bytes.endOfToken(from: 0) == bytes.byteCount
  }

  /// Whether the bytes may be sent as a field value: no control character but the tab (RFC 9110, section 5.5).
  ///
  /// Whitespace around the value is let through; whoever receives it drops it.
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
