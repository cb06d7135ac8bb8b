/// Decodes the inside of a checked JSON string byte by byte.
struct JSONTextReader {
  private var position: Int
  private let end: Int
  /// The remaining bytes of a `\u` escape, the next one lowest, and their number.
  private var pending: UInt32 = 0
  private var pendingCount = 0

  init(_ range: ByteRange) {
    position = range.start
    end = range.end
  }

  mutating func next(in bytes: RawSpan) -> UInt8? {
    if pendingCount > 0 { return nextPending() }
    guard position < end else { return nil }
    let byte = bytes[octet: position]
    position += 1
    guard byte == Ascii.backslash else { return byte }
    let escape = bytes[octet: position]
    position += 1
    guard escape == UInt8(ascii: "u") else { return jsonEscape(escape) }
    encode(scalar(in: bytes))
    return nextPending()
  }

  private mutating func nextPending() -> UInt8 {
    let byte = UInt8(truncatingIfNeeded: pending)
    pending >>= 8
    pendingCount -= 1
    return byte
  }

  /// The character whose digits begin here, including a second surrogate.
  private mutating func scalar(in bytes: RawSpan) -> UInt32 {
    let unit = UInt32(bytes.hexadecimalUnit(at: position, end: end) ?? 0)
    position += 4
    guard unit & 0xFC00 == 0xD800 else { return unit }
    let low = UInt32(bytes.hexadecimalUnit(at: position + 2, end: end) ?? 0)
    position += 6
    return 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
  }

  /// Stores the UTF-8 bytes of a character as pending.
  private mutating func encode(_ scalar: UInt32) {
    let tail = { (shift: UInt32) in 0x80 | scalar >> shift & 0x3F }
    switch scalar {
    case ..<0x80: (pending, pendingCount) = (scalar, 1)
    case ..<0x800: (pending, pendingCount) = (0xC0 | scalar >> 6 | tail(0) << 8, 2)
    case ..<0x10000: (pending, pendingCount) = (0xE0 | scalar >> 12 | tail(6) << 8 | tail(0) << 16, 3)
    default:
      pending = 0xF0 | scalar >> 18 | tail(12) << 8 | tail(6) << 16 | tail(0) << 24
      pendingCount = 4
    }
  }
}

/// The byte of an escape other than `\u` by its letter; nil if there is no such escape (RFC 8259, section 7).
func jsonEscape(_ letter: UInt8) -> UInt8? {
  switch Unicode.Scalar(letter) {
  case "\"", "\\", "/": letter
  case "b": 0x08
  case "f": 0x0C
  case "n": Ascii.lineFeed
  case "r": Ascii.carriageReturn
  case "t": Ascii.tab
  default: nil
  }
}

/// Decodes the inside of a JSON string into `buffer`, and returns the number of bytes, which is at most that of
/// `range`.
func decodeJSONText(_ range: ByteRange, of bytes: RawSpan, into buffer: inout MutableRawSpan) -> Int {
  var reader = JSONTextReader(range)
  var count = 0
  while let byte = reader.next(in: bytes) {
    buffer.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }
  return count
}

/// Whether the inside of a JSON string decodes to the given bytes.
func jsonText(_ range: ByteRange, of bytes: RawSpan, decodesTo text: RawSpan) -> Bool {
  var reader = JSONTextReader(range)
  for place in 0..<text.byteCount where reader.next(in: bytes) != text[octet: place] { return false }
  return reader.next(in: bytes) == nil
}

extension RawSpan {
  /// The number of four hexadecimal digits in any case; nil if they are not there before `end`.
  func hexadecimalUnit(at position: Int, end: Int) -> UInt16? {
    guard position + 4 <= end else { return nil }
    var unit: UInt16 = 0
    for place in position..<position + 4 {
      guard let digit = hexadecimalValue(self[octet: place]) else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }
}

/// Encodes text as a JSON string in quotes (RFC 8259, section 7). Only quotes, backslashes and control characters are
/// escaped.
public enum JSONStringText {
  /// The number of bytes of the string with its quotes; nil if the text is not well-formed UTF-8, which JSON requires.
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
  ///   - buffer: room for `byteCount(of:)` bytes from the offset on.
  /// - Returns: the offset after the string.
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

  /// The letter of the short escape of a byte; nil if it has no short escape.
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
