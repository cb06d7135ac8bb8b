/// Comparing received bytes with ASCII text of the program.
extension RawSpan {
  /// Whether the bytes of `range` are exactly `text`.
  @inline(__always)
  func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
    matches(range, text, ignoring: 0)
  }

  /// Whether the bytes of `range` are `text` in any case.
  ///
  /// `text` is made of lower-case letters, digits and `-`; the range has no control characters. Under these two
  /// conditions the one bit that is ignored makes a difference for letters only.
  @inline(__always)
  func equals(_ range: ByteRange, anyCaseOf text: StaticString) -> Bool {
    matches(range, text, ignoring: 0x20)
  }

  @inline(__always)
  private func matches(_ range: ByteRange, _ text: StaticString, ignoring bit: UInt8) -> Bool {
    if Int(range.length) != text.utf8CodeUnitCount { return false }
    var difference: UInt8 = 0
    for index in 0..<text.utf8CodeUnitCount {
      difference |= (self[octet: range.start &+ index] | bit) ^ (text[octet: index] | bit)
    }
    return difference == 0
  }
}
