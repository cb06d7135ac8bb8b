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

  /// The first place from `start` on whose byte the mask stops at, or the end of the bytes.
  @inline(__always)
  func firstPosition(from start: Int, where mask: (UInt64) -> UInt64) -> Int {
    var position = start
    while position &+ 8 <= byteCount {
      let stops = mask(littleEndianWord(at: position))
      if stops != 0 { return position &+ stops.trailingZeroBitCount / 8 }
      position &+= 8
    }
    return min(byteCount, position &+ mask(littleEndianRest(from: position)).trailingZeroBitCount / 8)
  }

  /// The first place from `start` on whose byte is not of a token, or the end of the bytes.
  @inline(__always)
  func endOfToken(from start: Int) -> Int {
    var position = firstPosition(from: start, where: ByteMask.endsWord)
    while position < byteCount && ByteClass.token.contains(self[octet: position]) { position &+= 1 }
    return position
  }

  /// Eight bytes, the first one lowest. The load checks its bounds, and any eight bytes are an integer.
  @inline(__always)
  func littleEndianWord(at position: Int) -> UInt64 {
    UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// The fewer than eight bytes from `position` to the end, the first one lowest, with zeros above.
  private func littleEndianRest(from position: Int) -> UInt64 {
    let count = byteCount &- position
    if count <= 0 { return 0 }
    if byteCount >= 8 { return littleEndianWord(at: byteCount &- 8) &>> UInt64(64 &- 8 &* count) }
    var word: UInt64 = 0
    for index in position..<byteCount { word |= UInt64(self[octet: index]) &<< UInt64(8 &* (index &- position)) }
    return word
  }
}
