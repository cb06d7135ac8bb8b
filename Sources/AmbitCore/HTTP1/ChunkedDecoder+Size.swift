extension ChunkedDecoder {
  /// `1*HEXDIG`, then the line's end or an extension.
  mutating func sizePlace(after byte: UInt8) -> Place {
    if let digit = Self.hexadecimalValue(byte) {
      sizeDigits += 1
      if sizeDigits > Self.maxSizeDigits || remaining >> 59 != 0 { return .failed(.chunkTooLarge) }
      remaining = remaining << 4 | Int64(digit)
      return .size
    }
    if byte == Ascii.lineFeed { return .failed(.bareLineFeed) }
    if place == .sizeStart { return .failed(.malformedChunkSize) }
    switch byte {
    case Ascii.carriageReturn: return .sizeLineFeed
    case Ascii.semicolon, Ascii.space, Ascii.tab: return extensionPlace(after: byte, in: .expectsSemicolon)
    default: return .failed(.malformedChunkSize)
    }
  }

  /// The size line has ended: data follows, or the trailer section after the last chunk.
  mutating func beginChunk() -> Place {
    sizeDigits = 0
    return remaining == 0 ? .trailerStart : .data
  }

  private static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
