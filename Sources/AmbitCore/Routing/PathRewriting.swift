/// A normal path under construction. A slash stands before `end` at all times, and nothing after it counts.
struct PathRewriting {
  /// How many segments are complete.
  private(set) var count = 0
  /// Where the next segment begins.
  private var end = 1
  /// The length of the path once the last segment is complete.
  var length: Int { end - 1 }

  /// Decodes one segment and appends it, or does what it says if it is a dot segment.
  mutating func append(
    _ raw: RawSpan, from start: Int, to stop: Int, isLast: Bool,
    into buffer: inout MutableRawSpan, segments: inout MutableSpan<ByteRange>
  ) -> PathRefusal? {
    buffer.storeBytes(of: UInt8(ascii: "/"), toByteOffset: end - 1, as: UInt8.self)
    let decoded: Int
    switch decode(raw, from: start, to: stop, into: &buffer) {
    case .success(let count): decoded = count
    case .failure(let refusal): return refusal
    }
    guard containsDotComponent(buffer.bytes.extracting(end..<(end + decoded))) else {
      return push(decoded, into: &segments)
    }
    guard isDotSegment(buffer.bytes, start: end, end: end + decoded) else { return .hiddenDotSegment }
    if decoded == 2 {
      guard count > 0 else { return .climbsAboveRoot }
      count -= 1
      end = Int(segments[count].offset)
    }
    return isLast ? push(0, into: &segments) : nil
  }

  private mutating func push(_ length: Int, into segments: inout MutableSpan<ByteRange>) -> PathRefusal? {
    guard count < segments.count else { return .tooManySegments }
    segments[count] = ByteRange(from: end, to: end + length)
    count += 1
    end += length + 1
    return nil
  }

  /// Writes a segment at `end` with its escapes decoded.
  private func decode(
    _ raw: RawSpan, from start: Int, to stop: Int, into buffer: inout MutableRawSpan
  ) -> Result<Int, PathRefusal> {
    var index = start
    var target = end
    while index < stop {
      var byte = raw[octet: index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard let decoded = raw.escapedOctet(at: index - 1, end: stop) else { return .failure(.malformedEscape) }
        guard decoded != 0 else { return .failure(.nul) }
        byte = decoded
        index += 2
      }
      buffer.storeBytes(of: byte, toByteOffset: target, as: UInt8.self)
      target += 1
    }
    return .success(target - end)
  }
}
