/// The bytes that delimit HTTP/1.1 messages.
enum Ascii {
  static var tab: UInt8 { 0x09 }
  static var lineFeed: UInt8 { 0x0a }
  static var carriageReturn: UInt8 { 0x0d }
  static var space: UInt8 { 0x20 }
  static var quote: UInt8 { 0x22 }
  static var percent: UInt8 { 0x25 }
  static var comma: UInt8 { 0x2c }
  static var hyphen: UInt8 { 0x2d }
  static var dot: UInt8 { 0x2e }
  static var slash: UInt8 { 0x2f }
  static var zero: UInt8 { 0x30 }
  static var two: UInt8 { 0x32 }
  static var colon: UInt8 { 0x3a }
  static var semicolon: UInt8 { 0x3b }
  static var equals: UInt8 { 0x3d }
  static var questionMark: UInt8 { 0x3f }
  static var leftBracket: UInt8 { 0x5b }
  static var backslash: UInt8 { 0x5c }
  static var rightBracket: UInt8 { 0x5d }
  static var lowerE: UInt8 { 0x65 }

  /// Whether the byte is optional whitespace (RFC 9110, section 5.6.3).
  @inline(__always)
  static func isWhitespace(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  /// Whether the byte may stand in a field value: anything but control characters, and the tab (RFC 9110, section 5.5).
  @inline(__always)
  static func isFieldText(_ byte: UInt8) -> Bool { byte >= space && byte != 0x7f || byte == tab }
}

/// A set of ASCII characters as one bit each. A byte from 0x80 up is in none.
struct ByteClass {
  /// Bits for the bytes below 64.
  private let low: UInt64
  /// Bits for the bytes from 64 to 127.
  private let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    byte < 128 && (byte < 64 ? low : high) &>> UInt64(byte) & 1 != 0
  }

  /// `tchar`: what methods, field names and other tokens are made of (RFC 9110, section 5.6.2).
  static var token: ByteClass { ByteClass(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe) }

  /// What a registered host name is made of besides percent-encoded bytes (RFC 3986, section 3.2.2).
  static var hostName: ByteClass { ByteClass(low: 0x2bff_7fd2_0000_0000, high: 0x47ff_fffe_87ff_fffe) }

  /// What an IPv6 address is made of.
  static var address: ByteClass { ByteClass(low: 0x07ff_4000_0000_0000, high: 0x0000_007e_0000_007e) }

  static var hexadecimal: ByteClass { ByteClass(low: 0x03ff_0000_0000_0000, high: 0x0000_007e_0000_007e) }

  static var digit: ByteClass { ByteClass(low: 0x03ff_0000_0000_0000, high: 0) }
}
