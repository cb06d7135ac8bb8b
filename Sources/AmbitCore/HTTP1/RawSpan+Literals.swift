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
    matches(range, text, ignoring: 0x2020_2020_2020_2020)
  }

  @inline(__always)
  private func matches(_ range: ByteRange, _ text: StaticString, ignoring bits: UInt64) -> Bool {
    let count = text.utf8CodeUnitCount
    return Int(range.length) == count && equals(at: range.start, text.octets, at: 0, count: count, ignoring: bits)
  }
}
