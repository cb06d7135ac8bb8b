/// What a call of `ChunkedDecoder.next` found.
public enum ChunkedEvent: Sendable, Equatable {
  /// Bytes of the body: the last ones that the call consumed, this many of them, at least one.
  case data(Int)
  /// All bytes were consumed and the body goes on.
  case incomplete
  /// The body and its trailer section have ended; what was not consumed belongs to the next request.
  case end
  case rejected(Rejection)
}

/// Takes the chunked transfer coding off a body, strictly, and from any pieces (RFC 9112, section 7.1).
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
    case failed(Rejection)
  }

  /// Reads on in `bytes`, which are those behind what earlier calls consumed.
  ///
  /// Call it again with the rest after `data`, and with new bytes after `incomplete`. `end` and `rejected` are final:
  /// later calls consume nothing and say the same.
  public mutating func next(_ bytes: RawSpan) -> (consumed: Int, event: ChunkedEvent) {
    var consumed = 0
    while true {
      switch place {
      case .finished: return (consumed, .end)
      case .failed(let rejection): return (consumed, .rejected(rejection))
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
