/// Scans received bytes. A step that needs a byte that has not arrived yet is interrupted.
extension RawSpan {
  @inline(__always)
  func next(at position: Int) throws(Interruption) -> UInt8 {
    if position >= byteCount { throw .outOfBytes }
    return self[octet: position]
  }

  /// Whether these two bytes stand at `position`; false if they are not there yet.
  @inline(__always)
  func has(_ first: UInt8, _ second: UInt8, at position: Int) -> Bool {
    pair(at: position) == UInt16(first) | UInt16(second) &<< 8
  }

  /// The offset after the line end at `position`; anything else there is rejected.
  @inline(__always)
  func lineEnd(at position: Int, otherwise error: HTTPParseError) throws(Interruption) -> Int {
    if has(Ascii.carriageReturn, Ascii.lineFeed, at: position) { return position &+ 2 }
    switch try next(at: position) {
    case Ascii.carriageReturn:
      _ = try next(at: position &+ 1)
      throw .rejected(.bareCarriageReturn)
    case Ascii.lineFeed: throw .rejected(.bareLineFeed)
    default: throw .rejected(error)
    }
  }

  /// The first place from `start` on at whose byte the test stops, or the end of the bytes.
  @inline(__always)
  func firstPosition(from start: Int, where stops: (SIMD16<UInt8>) -> ByteBlock.Stops) -> Int {
    var position = start
    while hasBlock(at: position) {
      let nibbles = stops(block(at: position)).nibbles
      if nibbles != 0 { return position &+ nibbles.trailingZeroBitCount &>> 2 }
      position &+= 16
    }
    return firstPositionInRest(from: position, where: stops)
  }

  /// The same if fewer than sixteen bytes are left: it tests the last block, and ignores the bytes before `start`.
  @inline(__always)
  private func firstPositionInRest(from start: Int, where stops: (SIMD16<UInt8>) -> ByteBlock.Stops) -> Int {
    if start >= byteCount { return byteCount }
    let blockStart = Swift.max(byteCount &- 16, 0)
    let nibbles = stops(hasBlock(at: blockStart) ? block(at: blockStart) : paddedBlock).nibbles
    let rest = nibbles &>> UInt64(truncatingIfNeeded: 4 &* (start &- blockStart))
    return Swift.min(byteCount, start &+ rest.trailingZeroBitCount &>> 2)
  }

  /// Whether the test stops at none of the bytes: some may be looked at twice.
  @inline(__always)
  func hasNone(where stops: (SIMD16<UInt8>) -> ByteBlock.Stops) -> Bool {
    var position = 0
    while hasBlock(at: position) {
      if stops(block(at: position)).nibbles != 0 { return false }
      position &+= 16
    }
    if position == 0 { return firstPositionInRest(from: 0, where: stops) == byteCount }
    return position == byteCount || stops(block(at: byteCount &- 16)).nibbles == 0
  }

  /// The first place from `start` on whose byte is not of a token, or the end of the bytes.
  @inline(__always)
  func endOfToken(from start: Int) -> Int {
    var position = firstPosition(from: start, where: ByteBlock.endsWord)
    while position < byteCount && ByteClass.token.contains(self[octet: position]) { position &+= 1 }
    return position
  }
}

/// Blocks of sixteen bytes.
extension RawSpan {
  @inline(__always)
  private func hasBlock(at offset: Int) -> Bool {
    byteCount >= 16 && UInt(bitPattern: offset) <= UInt(bitPattern: byteCount &- 16)
  }

  @inline(__always)
  private func block(at offset: Int) -> SIMD16<UInt8> {
    precondition(hasBlock(at: offset), "a block behind the end of the bytes was asked for")
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// All bytes, fewer than sixteen, followed by zeros. Out of line, because every scan contains the call and few make
  /// it.
  @inline(never)
  private var paddedBlock: SIMD16<UInt8> {
    if byteCount < 8 { return unsafe unsafeBitCast(SIMD2<UInt64>(bytesBelowEight, 0), to: SIMD16<UInt8>.self) }
    let missing = UInt64(truncatingIfNeeded: 8 &* (16 &- byteCount))
    let high = byteCount > 8 ? word(at: byteCount &- 8) &>> missing : 0
    return unsafe unsafeBitCast(SIMD2<UInt64>(word(at: 0), high), to: SIMD16<UInt8>.self)
  }

  /// Some are read twice, each time for the same place.
  private var bytesBelowEight: UInt64 {
    func placed(_ bits: UInt64, at index: Int) -> UInt64 { bits &<< UInt64(truncatingIfNeeded: 8 &* index) }
    if byteCount >= 4 { return quad(at: 0) | placed(quad(at: byteCount &- 4), at: byteCount &- 4) }
    if byteCount == 0 { return 0 }
    let (middle, last) = (byteCount / 2, byteCount &- 1)
    return UInt64(self[octet: 0]) | placed(UInt64(self[octet: middle]), at: middle)
      | placed(UInt64(self[octet: last]), at: last)
  }
}

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
