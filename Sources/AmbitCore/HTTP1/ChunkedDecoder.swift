/// What a decoder found in the next bytes of a body.
public enum BodyEvent: Sendable, Equatable {
  /// Bytes of the body: the last ones that the call consumed, this many of them, at least one.
  case data(Int)
  /// All bytes were consumed and the body goes on.
  case incomplete
  /// The body and its trailer section have ended; what was not consumed belongs to the next request.
  case end
  case rejected(HTTPParseError)
}

/// Decodes the chunked transfer coding, strictly, from bytes that arrive in any pieces (RFC 9112, section 7.1).
///
/// Every byte is taken exactly once, so nothing that was consumed needs to be kept, and the body is the same however
/// the input was cut. Chunk extensions and trailer fields are checked, bounded and dropped.
public struct ChunkedDecoder: Sendable {
  /// Hexadecimal digits of a chunk size, leading zeros included.
  static var maxSizeDigits: Int { 16 }

  /// Bytes that all chunk extensions of a body may have together.
  let maxExtensions: Int
  /// Bytes that the trailer section may have without its blank line.
  let maxTrailers: Int
  var place = Place.sizeStart
  /// Bytes still to come of the chunk, or the part of its size that was read.
  var remaining: Int64 = 0
  var sizeDigits = 0
  var extensionBytes = 0
  var trailerBytes = 0

  public init(maxExtensions: Int = 16384, maxTrailers: Int = 8192) {
    self.maxExtensions = maxExtensions
    self.maxTrailers = maxTrailers
  }

  /// What the next byte belongs to.
  enum Place: Sendable, Equatable {
    case sizeStart, size, sizeLineFeed
    case extensions(ChunkExtension)
    case data, dataReturn, dataLineFeed
    case trailerStart, trailerName, trailerValue, trailerLineFeed, lastLineFeed
    case finished
    case failed(HTTPParseError)
  }

  /// Takes the next `bytes`, which follow the bytes that earlier calls consumed.
  ///
  /// Call it again with the rest after `data`, and with new bytes after `incomplete`. `end` and `rejected` are final:
  /// later calls consume nothing and return the same.
  public mutating func next(_ bytes: RawSpan) -> (consumed: Int, event: BodyEvent) {
    var consumed = 0
    while true {
      switch place {
      case .finished: return (consumed, .end)
      case .failed(let error): return (consumed, .rejected(error))
      case _ where consumed == bytes.byteCount: return (consumed, .incomplete)
      case .data:
        let count = Int(min(remaining, Int64(bytes.byteCount - consumed)))
        remaining -= Int64(count)
        if remaining == 0 { place = .dataReturn }
        return (consumed + count, .data(count))
      default:
        place = advance(over: bytes[octet: consumed])
        consumed += 1
      }
    }
  }

  /// Takes one byte that is not data.
  private mutating func advance(over byte: UInt8) -> Place {
    switch place {
    case .sizeStart, .size: sizePlace(after: byte)
    case .sizeLineFeed: byte == Ascii.lineFeed ? beginChunk() : .failed(.bareCarriageReturn)
    case .extensions(let part): extensionPlace(after: byte, in: part)
    case .dataReturn: byte == Ascii.carriageReturn ? .dataLineFeed : .failed(.malformedChunkEnd)
    case .dataLineFeed: byte == Ascii.lineFeed ? .sizeStart : .failed(.malformedChunkEnd)
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed: trailerPlace(after: byte)
    case .data, .finished, .failed: place
    }
  }
}

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

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS value ] )` the next byte stands (RFC 9112, section 7.1.1).
enum ChunkExtension: Sendable, Equatable {
  /// Whitespace has come after a size, name or value; with `expectsEquals` a value may still follow.
  case expectsSemicolon, expectsEquals
  case nameStart, name
  case valueStart, token
  case quoted, escaped
  /// The quoted string has just been closed.
  case closed
}

extension ChunkedDecoder {
  /// Takes one byte of an extension. Whitespace is taken where the grammar has it, and so not before the line's end.
  mutating func extensionPlace(after byte: UInt8, in part: ChunkExtension) -> Place {
    if byte == Ascii.carriageReturn && Self.canEnd(part) { return .sizeLineFeed }
    if byte == Ascii.lineFeed { return .failed(.bareLineFeed) }
    extensionBytes += 1
    if extensionBytes > maxExtensions { return .failed(.chunkExtensionsTooLong) }
    guard let next = Self.part(after: byte, in: part) else { return .failed(.malformedChunkExtension) }
    return .extensions(next)
  }

  private static func canEnd(_ part: ChunkExtension) -> Bool {
    part == .name || part == .token || part == .closed
  }

  private static func part(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    switch part {
    case .quoted: quotedPart(after: byte)
    case .escaped: Ascii.isFieldText(byte) ? .quoted : nil
    case .nameStart, .name: namePart(after: byte, in: part)
    case .valueStart, .token: valuePart(after: byte, in: part)
    case .closed, .expectsSemicolon: delimiter(after: byte, in: .expectsSemicolon)
    case .expectsEquals: delimiter(after: byte, in: .expectsEquals)
    }
  }

  private static func quotedPart(after byte: UInt8) -> ChunkExtension? {
    if byte == Ascii.quote { return .closed }
    if byte == Ascii.backslash { return .escaped }
    return Ascii.isFieldText(byte) ? .quoted : nil
  }

  private static func namePart(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if ByteClass.token.contains(byte) { return .name }
    if part == .name { return delimiter(after: byte, in: .expectsEquals) }
    return Ascii.isWhitespace(byte) ? .nameStart : nil
  }

  private static func valuePart(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if ByteClass.token.contains(byte) { return .token }
    if part == .token { return delimiter(after: byte, in: .expectsSemicolon) }
    if byte == Ascii.quote { return .quoted }
    return Ascii.isWhitespace(byte) ? .valueStart : nil
  }

  /// Takes a byte after a name or a value; `part` says which delimiters are allowed.
  private static func delimiter(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if byte == Ascii.semicolon { return .nameStart }
    if byte == Ascii.equals && part == .expectsEquals { return .valueStart }
    return Ascii.isWhitespace(byte) ? part : nil
  }
}

extension ChunkedDecoder {
  /// Takes one byte of the trailer section: field lines as in a head, then a blank line. The fields are dropped, so one
  /// that is not allowed in a trailer does no harm.
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
    return .failed(FieldLine.error(of: byte, isFirst: place == .trailerStart))
  }

  private func valuePlace(after byte: UInt8) -> Place {
    switch byte {
    case Ascii.carriageReturn: .trailerLineFeed
    case Ascii.lineFeed: .failed(.bareLineFeed)
    default: Ascii.isFieldText(byte) ? .trailerValue : .failed(.invalidFieldValue)
    }
  }
}
