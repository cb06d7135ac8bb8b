extension RawSpan {
  /// The byte that the escape at an offset stands for (RFC 3986, section 2.1). The byte at the offset is known to be
  /// `%`; nil if two hexadecimal digits of either case do not follow it before `end`.
  @inline(__always)
  func escapedOctet(at offset: Int, end: Int) -> UInt8? {
    guard end - offset > 2, let high = hexadecimalValue(self[octet: offset + 1]),
      let low = hexadecimalValue(self[octet: offset + 2])
    else { return nil }
    return high << 4 | low
  }
}

@inline(__always)
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  default: nil
  }
}
