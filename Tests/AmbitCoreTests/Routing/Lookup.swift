import AmbitCore

/// A path that was normalised, kept as values that a test can compare.
struct Normalised: Equatable {
  var path: [UInt8]
  var segments: [[UInt8]]
  var isCopied: Bool
}

/// Normalises a path with room for `capacity` segments.
func normalise(
  _ raw: [UInt8], capacity: Int = RoutePattern.maximumSegments
) throws(PathError) -> Normalised {
  var buffer = [UInt8](repeating: 0xEE, count: max(1, raw.count))
  var ranges = [ByteRange](repeating: ByteRange(), count: capacity)
  var octets = buffer.mutableSpan
  var rewritten = octets.mutableBytes
  var segments = ranges.mutableSpan
  let result = PathNormaliser.normalise(raw.span.bytes, into: &rewritten, segments: &segments)
  func slice(_ range: ByteRange, of bytes: [UInt8]) -> [UInt8] { Array(bytes[range.start..<range.end]) }
  switch result {
  case .asSent(let count):
    return Normalised(path: raw, segments: ranges.prefix(count).map { slice($0, of: raw) }, isCopied: false)
  case .rewritten(let length, let count):
    let segments = ranges.prefix(count).map { slice($0, of: buffer) }
    return Normalised(path: Array(buffer.prefix(length)), segments: segments, isCopied: true)
  case .refused(let refusal):
    throw refusal
  }
}

/// What a table answers to a request, with the values of the parameters as text.
struct Answer: Equatable {
  var match: RouteMatch
  var values: [String] = []
}

extension RouteTable {
  /// A table of patterns given as text.
  init(_ texts: String...) throws {
    try self.init(texts.map { try RoutePattern($0) })
  }

  /// Calls `body` with what the host would search for: the method, the normal path and its segments.
  func searching<Result>(
    _ request: String, _ body: (RawSpan, RawSpan, Span<ByteRange>) throws -> Result
  ) throws -> Result {
    let parts = request.split(separator: " ", maxSplits: 1)
    let path = try normalise(Array(parts[1].utf8))
    var start = 1
    let ranges = path.segments.map { segment in
      defer { start += segment.count + 1 }
      return ByteRange(offset: UInt32(start), length: UInt32(segment.count))
    }
    return try body(Array(parts[0].utf8).span.bytes, path.path.span.bytes, ranges.span)
  }

  /// The answer to a request written as `METHOD /path`.
  func answer(_ request: String) throws -> Answer {
    try searching(request) { method, path, segments in
      let match = find(method: method, path: path, segments: segments)
      guard case .route(let route) = match else { return Answer(match: match) }
      var ranges = [ByteRange](repeating: ByteRange(), count: RoutePattern.maximumParameters)
      var storage = ranges.mutableSpan
      let count = parameterValues(of: route, in: segments, into: &storage)
      let values = ranges.prefix(count).map { range in
        let octets = (range.start..<range.end).map { path.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        return String(decoding: octets, as: UTF8.self)
      }
      return Answer(match: match, values: values)
    }
  }

  /// The pattern of the route that answers a request; nil if none does.
  func pattern(answering request: String) throws -> String? {
    guard case .route(let route) = try answer(request).match else { return nil }
    return patterns[route].description
  }
}
