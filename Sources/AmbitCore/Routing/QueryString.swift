/// A pair of a query or form body, as ranges of the raw bytes.
public struct QueryPair: Sendable, Equatable, BitwiseCopyable {
  /// The name as sent.
  public let name: ByteRange
  /// The value as sent; empty if there is no `=`.
  public let value: ByteRange
  /// Whether decoding would change the name.
  public let nameNeedsDecoding: Bool
  /// Whether decoding would change the value. If so, the raw bytes are not the value.
  public let valueNeedsDecoding: Bool
}

/// Iterates over the pairs of a query (without its `?`) or of an `application/x-www-form-urlencoded` body, as the
/// WHATWG URL standard parses it: `&` separates pairs, empty pairs are skipped, and the first `=` ends the name.
public struct QueryCursor: Sendable, BitwiseCopyable {
  private var offset = 0

  /// A cursor before the first pair.
  public init() {}

  /// The next pair; nil at the end. The caller passes the same bytes each time.
  public mutating func next(in query: RawSpan) -> QueryPair? {
    while offset < query.byteCount, query[octet: offset] == UInt8(ascii: "&") { offset += 1 }
    guard offset < query.byteCount else { return nil }
    let (name, nameNeedsDecoding) = part(of: query, orEquals: true)
    if offset < query.byteCount, query[octet: offset] == UInt8(ascii: "=") { offset += 1 }
    let (value, valueNeedsDecoding) = part(of: query, orEquals: false)
    return QueryPair(
      name: name, value: value, nameNeedsDecoding: nameNeedsDecoding, valueNeedsDecoding: valueNeedsDecoding)
  }

  /// The range from here to the next `&`, or with `orEquals` to the next `=`, and whether it needs decoding.
  private mutating func part(of query: RawSpan, orEquals: Bool) -> (ByteRange, Bool) {
    let start = offset
    var needsDecoding = false
    while offset < query.byteCount {
      let byte = query[octet: offset]
      if byte == UInt8(ascii: "&") || (orEquals && byte == UInt8(ascii: "=")) { break }
      if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "+") { needsDecoding = true }
      offset += 1
    }
    return (ByteRange(from: start, to: offset), needsDecoding)
  }
}

/// The first pair of a query or form body whose decoded name is the given one; nil if there is none. Does not allocate.
public func firstQueryPair(named name: RawSpan, in query: RawSpan) -> QueryPair? {
  var cursor = QueryCursor()
  while let pair = cursor.next(in: query) {
    if formText(pair.name, of: query, decodesTo: name) { return pair }
  }
  return nil
}

/// Decodes a name or value of a query or form body: `+` becomes a space and `%XX` one byte. A `%` without two
/// hexadecimal digits after it stays, as in the WHATWG URL standard.
/// - Parameter buffer: room for as many bytes as `range` has.
/// - Returns: the number of bytes written to the beginning of the buffer.
public func decodeFormText(_ range: ByteRange, of bytes: RawSpan, into buffer: inout MutableRawSpan) -> Int {
  var offset = Int(range.offset)
  let end = offset + Int(range.length)
  var count = 0
  while offset < end {
    buffer.storeBytes(of: nextFormOctet(of: bytes, at: &offset, end: end), toByteOffset: count, as: UInt8.self)
    count += 1
  }
  return count
}

/// Whether a name or value decodes to the given bytes.
func formText(_ range: ByteRange, of bytes: RawSpan, decodesTo text: RawSpan) -> Bool {
  var offset = Int(range.offset)
  let end = offset + Int(range.length)
  for place in 0..<text.byteCount {
    guard offset < end, nextFormOctet(of: bytes, at: &offset, end: end) == text[octet: place] else { return false }
  }
  return offset == end
}

/// The decoded byte at an offset. Moves the offset behind the bytes that it was decoded from.
@inline(__always)
private func nextFormOctet(of bytes: RawSpan, at offset: inout Int, end: Int) -> UInt8 {
  let byte = bytes[octet: offset]
  if byte == UInt8(ascii: "%"), let decoded = bytes.escapedOctet(at: offset, end: end) {
    offset += 3
    return decoded
  }
  offset += 1
  return byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte
}
