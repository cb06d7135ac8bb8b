/// Text as a JSON string in its quotes (RFC 8259, section 7). Quotes, backslashes and control characters are escaped, and
/// nothing else is.
public enum JSONStringText {
  /// How many bytes the string has, quotes included; nil if the text is not well-formed UTF-8, which JSON must be.
  public static func byteCount(of text: RawSpan) -> Int? {
    var count = 2
    var position = 0
    while position < text.byteCount {
      guard let length = text.characterLength(at: position, end: text.byteCount) else { return nil }
      count += length == 1 ? escapedLength(text[octet: position]) : length
      position += length
    }
    return count
  }

  /// Writes the string.
  /// - Parameters:
  ///   - text: well-formed UTF-8.
  ///   - buffer: room for `byteCount(of:)` bytes behind the offset.
  /// - Returns: the offset behind what was written.
  public static func write(_ text: RawSpan, into buffer: inout MutableRawSpan, at offset: Int) -> Int {
    var end = offset
    put(Ascii.quote, into: &buffer, at: &end)
    for position in 0..<text.byteCount {
      let byte = text[octet: position]
      if escapedLength(byte) == 1 {
        put(byte, into: &buffer, at: &end)
      } else {
        putEscape(of: byte, into: &buffer, at: &end)
      }
    }
    put(Ascii.quote, into: &buffer, at: &end)
    return end
  }

  private static func put(_ byte: UInt8, into buffer: inout MutableRawSpan, at end: inout Int) {
    buffer.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    end += 1
  }

  private static func putEscape(of byte: UInt8, into buffer: inout MutableRawSpan, at end: inout Int) {
    put(Ascii.backslash, into: &buffer, at: &end)
    if let letter = letter(for: byte) { return put(letter, into: &buffer, at: &end) }
    put(UInt8(ascii: "u"), into: &buffer, at: &end)
    put(Ascii.zero, into: &buffer, at: &end)
    put(Ascii.zero, into: &buffer, at: &end)
    put(Ascii.zero + byte >> 4, into: &buffer, at: &end)
    let low = byte & 15
    put(low < 10 ? Ascii.zero + low : UInt8(ascii: "a") + low - 10, into: &buffer, at: &end)
  }

  private static func escapedLength(_ byte: UInt8) -> Int {
    if byte >= Ascii.space && byte != Ascii.quote && byte != Ascii.backslash { return 1 }
    return letter(for: byte) == nil ? 6 : 2
  }

  /// What stands behind the backslash in the short escape of a byte; nil if it has none.
  private static func letter(for byte: UInt8) -> UInt8? {
    switch byte {
    case Ascii.quote, Ascii.backslash: byte
    case 0x08: UInt8(ascii: "b")
    case 0x0C: UInt8(ascii: "f")
    case Ascii.lineFeed: UInt8(ascii: "n")
    case Ascii.carriageReturn: UInt8(ascii: "r")
    case Ascii.tab: UInt8(ascii: "t")
    default: nil
    }
  }
}
