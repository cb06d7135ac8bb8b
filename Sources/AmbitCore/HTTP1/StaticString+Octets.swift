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
