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

extension StaticString {
  /// The byte at `offset` of a literal, whose bytes are there as long as the program runs. The offset is checked.
  @inline(__always)
  subscript(octet offset: Int) -> UInt8 {
    precondition(offset < utf8CodeUnitCount, "a byte behind the end of a text was asked for")
    return unsafe utf8Start[offset]
  }

  /// The bytes of a literal.
  @inline(__always)
  var octets: RawSpan {
    @_lifetime(immortal) get {
      unsafe _overrideLifetime(RawSpan(_unsafeStart: utf8Start, byteCount: utf8CodeUnitCount), copying: ())
    }
  }
}
