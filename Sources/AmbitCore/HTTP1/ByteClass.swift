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
