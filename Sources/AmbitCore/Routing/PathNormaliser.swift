/// Turns the path of a request target into the form that routes and plugins see: escapes are decoded once, dot segments
/// are removed, and the path is split into segments.
///
/// The path is split at its slashes first and decoded afterwards, so `%2F` becomes a slash within a segment and never
/// separates two. Dot segments, also written `%2e`, are removed as RFC 3986, section 5.2.4, says, but a path that
/// climbs above the root is refused. Empty segments stay: if this server merged slashes and a proxy before it did not,
/// they would see different paths. Bytes of 0x80 and above are kept: a path is bytes in no particular encoding.
public enum PathNormaliser {
  /// Normalises the path `raw`, which a client sent and the head parser accepted. The empty path of an absolute target
  /// becomes `/`.
  /// - Parameters:
  ///   - buffer: room for at least one byte and for as many bytes as `raw` has. Written only if the path is rewritten.
  ///   - segments: receives the segments without the slashes before them. Its count is the most segments of a path.
  public static func normalise(
    _ raw: RawSpan, into buffer: inout MutableRawSpan, segments: inout MutableSpan<ByteRange>
  ) -> NormalPath {
    guard raw.byteCount > 0 else {
      buffer.storeBytes(of: UInt8(ascii: "/"), as: UInt8.self)
      segments[0] = ByteRange(offset: 1, length: 0)
      return .rewritten(length: 1, segments: 1)
    }
    guard raw[octet: 0] == UInt8(ascii: "/") else { return .refused(.notAbsolute) }
    return normaliseInPlace(raw, segments: &segments) ?? rewrite(raw, into: &buffer, segments: &segments)
  }

  /// Splits a path that needs no rewriting; nil as soon as something must be decoded or removed.
  @inline(__always)
  private static func normaliseInPlace(_ raw: RawSpan, segments: inout MutableSpan<ByteRange>) -> NormalPath? {
    var count = 0
    var start = 1
    while true {
      let end = raw.firstPosition(from: start, where: ByteBlock.endsSegment)
      let isLast = end == raw.byteCount
      if !isLast, raw[octet: end] == Ascii.percent { return nil }
      if isDotSegment(raw, start: start, end: end) { return nil }
      if count == segments.count { return .refused(.tooManySegments) }
      segments[count] = ByteRange(from: start, to: end)
      count &+= 1
      if isLast { return .asSent(segments: count) }
      start = end &+ 1
    }
  }

  private static func rewrite(
    _ raw: RawSpan, into buffer: inout MutableRawSpan, segments: inout MutableSpan<ByteRange>
  ) -> NormalPath {
    var rewriting = PathRewriting()
    var start = 1
    while true {
      var end = start
      while end < raw.byteCount, raw[octet: end] != UInt8(ascii: "/") { end += 1 }
      let refusal = rewriting.append(
        raw, from: start, to: end, isLast: end == raw.byteCount, into: &buffer, segments: &segments)
      if let refusal { return .refused(refusal) }
      if end == raw.byteCount { return .rewritten(length: rewriting.length, segments: rewriting.count) }
      start = end + 1
    }
  }
}

/// The result of normalising a path.
public enum NormalPath: Sendable, Hashable, BitwiseCopyable {
  /// The bytes as sent are the normal path. Nothing was copied, and the segments are ranges of these bytes.
  case asSent(segments: Int)
  /// The normal path is the first `length` bytes of the buffer, and the segments are ranges of the buffer.
  case rewritten(length: Int, segments: Int)
  /// The path must not be served.
  case refused(PathError)
}

/// Why the host refuses a path before it searches for a route.
public enum PathError: UInt8, Error, Sendable, Hashable, CaseIterable, BitwiseCopyable {
  /// The first byte is not a slash.
  case notAbsolute
  /// A `%` without two hexadecimal digits after it.
  case malformedEscape
  /// `%00`: code that uses the path as a C string would see only the part before it.
  case nul
  /// `..` above the root.
  case climbsAboveRoot
  /// An encoded slash makes a `.` or `..` component, which code that uses the path as a file name would follow.
  case hiddenDotSegment
  /// The path has more segments than the caller has room for.
  case tooManySegments

  /// The status of the response.
  public var status: UInt16 {
    self == .tooManySegments ? 414 : 400
  }

  /// The body of the response, one line.
  public var text: StaticString {
    switch self {
    case .notAbsolute: "the path does not begin with a slash"
    case .malformedEscape: "a % in the path is not followed by two hexadecimal digits"
    case .nul: "the path contains an encoded NUL"
    case .climbsAboveRoot: "the path climbs above the root"
    case .hiddenDotSegment: "an encoded slash in the path makes a dot segment"
    case .tooManySegments: "the path has too many segments"
    }
  }
}

/// Builds a normal path. There is always a slash before `end`, and the bytes after it do not count.
struct PathRewriting {
  /// The number of complete segments.
  private(set) var count = 0
  /// The position at which the next segment begins.
  private var end = 1
  /// The length of the path when the last segment is complete.
  var length: Int { end - 1 }

  /// Decodes one segment and appends it. Follows it if it is a dot segment.
  mutating func append(
    _ raw: RawSpan, from start: Int, to stop: Int, isLast: Bool,
    into buffer: inout MutableRawSpan, segments: inout MutableSpan<ByteRange>
  ) -> PathError? {
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

  private mutating func push(_ length: Int, into segments: inout MutableSpan<ByteRange>) -> PathError? {
    guard count < segments.count else { return .tooManySegments }
    segments[count] = ByteRange(from: end, to: end + length)
    count += 1
    end += length + 1
    return nil
  }

  /// Writes a decoded segment at `end`, and returns its length.
  private func decode(
    _ raw: RawSpan, from start: Int, to stop: Int, into buffer: inout MutableRawSpan
  ) -> Result<Int, PathError> {
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

/// Whether a range is `.` or `..`.
@inline(__always)
func isDotSegment(_ bytes: RawSpan, start: Int, end: Int) -> Bool {
  let count = end &- start
  guard count == 1 || count == 2, bytes[octet: start] == UInt8(ascii: ".") else { return false }
  return bytes[octet: end &- 1] == UInt8(ascii: ".")
}

/// Whether a segment would contain a `.` or `..` component if the slashes in it separated components. True also for a
/// dot segment itself.
func containsDotComponent(_ segment: RawSpan) -> Bool {
  var start = 0
  for index in 0...segment.byteCount {
    guard index == segment.byteCount || segment[octet: index] == UInt8(ascii: "/") else { continue }
    if isDotSegment(segment, start: start, end: index) { return true }
    start = index + 1
  }
  return false
}
