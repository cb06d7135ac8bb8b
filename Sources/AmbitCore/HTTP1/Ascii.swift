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
  static var colon: UInt8 { 0x3a }
  static var semicolon: UInt8 { 0x3b }
  static var equals: UInt8 { 0x3d }
  static var questionMark: UInt8 { 0x3f }
  static var leftBracket: UInt8 { 0x5b }
  static var backslash: UInt8 { 0x5c }
  static var rightBracket: UInt8 { 0x5d }

  /// Whether the byte is optional whitespace (RFC 9110, section 5.6.3).
  @inline(__always)
  static func isWhitespace(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  /// Whether the byte may stand in a field value: anything but control characters, and the tab (RFC 9110, section 5.5).
  @inline(__always)
  static func isFieldText(_ byte: UInt8) -> Bool { byte >= space && byte != 0x7f || byte == tab }
}
