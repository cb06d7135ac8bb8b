/// Well-formed UTF-8 (RFC 3629, section 4): no overlong forms, no surrogates, nothing above U+10FFFF.
extension RawSpan {
  /// The number of bytes of the character at a position, 1 to 4; nil unless the bytes up to `end` begin with a
  /// complete, well-formed character.
  @inline(__always)
  func characterLength(at position: Int, end: Int) -> Int? {
    let first = self[octet: position]
    if first < 0x80 { return 1 }
    return multibyteLength(first, at: position, end: end)
  }

  private func multibyteLength(_ first: UInt8, at position: Int, end: Int) -> Int? {
    let length: Int
    let second: ClosedRange<UInt8>
    switch first {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard position + length <= end, second.contains(self[octet: position + 1]) else { return nil }
    for place in position + 2..<position + length where self[octet: place] & 0xC0 != 0x80 { return nil }
    return length
  }
}
