/// Turns the path of a request target into the form in which routes are found and plugins see it: escapes decoded once,
/// dot segments gone, cut into segments.
///
/// The path is cut at its slashes first and decoded afterwards, so `%2F` becomes a slash that is part of a segment and
/// never separates two. Dot segments, also written `%2e`, are removed as RFC 3986 says in section 5.2.4, except that a
/// path that climbs above the root is refused. Empty segments stay, since a server that merges slashes and one that
/// does not would see two paths. Bytes of 0x80 and above pass through: a path is bytes, in no particular encoding.
public enum PathNormaliser {
  /// Normalises the path `raw`, as a client sent it and the head parser let it through; the empty path of an absolute
  /// target is that of the root.
  /// - Parameters:
  ///   - buffer: room for at least one byte and for as many as `raw` has; written only if the path is rewritten.
  ///   - segments: receives the segments; their number is the limit. The slash before each is not part of it.
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

  /// Cuts a path that needs no rewriting; nil as soon as something has to be decoded or removed.
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
