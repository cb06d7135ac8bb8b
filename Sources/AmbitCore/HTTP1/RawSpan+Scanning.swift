/// Walking over received bytes. A byte that is not there yet interrupts the step that asks for it.
extension RawSpan {
  @inline(__always)
  func next(at position: Int) throws(Interruption) -> UInt8 {
    if position >= byteCount { throw .outOfBytes }
    return self[octet: position]
  }

  /// The place behind the line end at `position`; anything else there is rejected.
  @inline(__always)
  func lineEnd(at position: Int, otherwise rejection: Rejection) throws(Interruption) -> Int {
    switch try next(at: position) {
    case Ascii.carriageReturn:
      if try next(at: position &+ 1) == Ascii.lineFeed { return position &+ 2 }
      throw .rejected(.bareCarriageReturn)
    case Ascii.lineFeed: throw .rejected(.bareLineFeed)
    default: throw .rejected(rejection)
    }
  }

  /// The first place from `start` on at whose byte the test stops, or the end of the bytes.
  @inline(__always)
  func firstPosition(from start: Int, where stops: (SIMD16<UInt8>) -> ByteBlock.Stops) -> Int {
    var position = start
    while position &+ 16 <= byteCount {
      let stop = stops(block(at: position)).firstLane
      if stop < 16 { return position &+ stop }
      position &+= 16
    }
    return min(byteCount, position &+ stops(rest(from: position)).firstLane)
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
  private func block(at offset: Int) -> SIMD16<UInt8> {
    precondition(offset >= 0 && offset &+ 16 <= byteCount, "a block behind the end of the bytes was asked for")
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// The fewer than sixteen bytes from `position` to the end, with zeros behind them. Out of line: it stands behind
  /// every scan, and few come here.
  @inline(never)
  private func rest(from position: Int) -> SIMD16<UInt8> {
    let count = byteCount &- position
    if count <= 0 { return SIMD16(repeating: 0) }
    let bits =
      byteCount >= 16
      ? unsafe unsafeBitCast(block(at: byteCount &- 16), to: UInt128.self) &>> UInt128(8 &* (16 &- count))
      : fewBytes &>> UInt128(8 &* position)
    return unsafe unsafeBitCast(bits, to: SIMD16<UInt8>.self)
  }

  /// All bytes, fewer than sixteen, the first one lowest, with zeros above.
  private var fewBytes: UInt128 {
    if byteCount < 8 { return UInt128(bytesBelowEight) }
    let missing = UInt64(8 &* (16 &- byteCount))
    return UInt128(word(at: 0)) | UInt128(word(at: byteCount &- 8) &>> missing) &<< 64
  }

  private var bytesBelowEight: UInt64 {
    var bits: UInt64 = 0
    for index in 0..<byteCount { bits |= UInt64(self[octet: index]) &<< UInt64(8 &* index) }
    return bits
  }
}
