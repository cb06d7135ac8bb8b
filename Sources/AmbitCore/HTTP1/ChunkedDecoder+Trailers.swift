extension ChunkedDecoder {
  /// Takes one byte of the trailer section: field lines as in a head, then a blank line. The fields are dropped, so one
  /// that has no business in a trailer does no harm.
  mutating func trailerPlace(after byte: UInt8) -> Place {
    if place == .lastLineFeed { return byte == Ascii.lineFeed ? .finished : .failed(.bareCarriageReturn) }
    if place == .trailerStart && byte == Ascii.carriageReturn { return .lastLineFeed }
    trailerBytes += 1
    if trailerBytes > maxTrailers { return .failed(.trailersTooLong) }
    switch place {
    case .trailerLineFeed: return byte == Ascii.lineFeed ? .trailerStart : .failed(.bareCarriageReturn)
    case .trailerValue: return valuePlace(after: byte)
    default: return namePlace(after: byte)
    }
  }

  private func namePlace(after byte: UInt8) -> Place {
    if ByteClass.token.contains(byte) { return .trailerName }
    if byte == Ascii.colon && place == .trailerName { return .trailerValue }
    return .failed(FieldLine.rejection(of: byte, isFirst: place == .trailerStart))
  }

  private func valuePlace(after byte: UInt8) -> Place {
    switch byte {
    case Ascii.carriageReturn: .trailerLineFeed
    case Ascii.lineFeed: .failed(.bareLineFeed)
    default: Ascii.isFieldText(byte) ? .trailerValue : .failed(.invalidFieldValue)
    }
  }
}
