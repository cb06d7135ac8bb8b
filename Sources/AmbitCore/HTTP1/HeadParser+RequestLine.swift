extension HeadParser {
  /// `method SP request-target SP HTTP-version CRLF` (RFC 9112, section 3).
  mutating func readRequestLine(_ bytes: RawSpan, into head: inout RequestHead) throws(Interruption) {
    try skipEmptyLines(bytes)
    let (method, methodEnd) = try readMethod(bytes)
    let target = try readTarget(bytes, at: methodEnd &+ 1)
    let minorVersion = try readVersion(bytes, at: target.range.end &+ 1)
    let end = try bytes.lineEnd(at: target.range.end &+ 9, otherwise: .malformedVersion)

    head = RequestHead()
    http1.minorVersion = minorVersion
    head.methodRange = ByteRange(from: position, to: methodEnd)
    head.method = method
    head.target = target.range
    try target.split(bytes, into: &head)
    position = end
    isInFields = true
  }

  /// Advances past empty lines; some clients send one after the body of a request (RFC 9112, section 2.2).
  @inline(__always)
  private mutating func skipEmptyLines(_ bytes: RawSpan) throws(Interruption) {
    while try bytes.next(at: position) == Ascii.carriageReturn {
      let end = try bytes.lineEnd(at: position, otherwise: .bareCarriageReturn)
      if emptyLines == Self.maxEmptyLines { throw .rejected(.tooManyEmptyLines) }
      emptyLines += 1
      position = end
    }
    if bytes[octet: position] == Ascii.lineFeed { throw .rejected(.bareLineFeed) }
  }

  /// Finds the end of the method. Most requests are GET, which needs no search.
  @inline(__always)
  private func readMethod(_ bytes: RawSpan) throws(Interruption) -> (Method, end: Int) {
    let usual = ByteRange(from: position, to: position &+ 4)
    if usual.end <= bytes.byteCount && bytes.equals(usual, "GET ") { return (.get, position &+ 3) }
    return try Self.readUnusualMethod(bytes, at: position)
  }

  private static func readUnusualMethod(
    _ bytes: RawSpan, at start: Int
  ) throws(Interruption) -> (Method, end: Int) {
    let end = bytes.endOfToken(from: start)
    if try bytes.next(at: end) != Ascii.space || end == start { throw .rejected(.invalidMethod) }
    return (Method(bytes, ByteRange(from: start, to: end)), end)
  }

  /// Finds the end of the target: one space, after at least one byte and at most `maxTarget`.
  @inline(__always)
  private func readTarget(_ bytes: RawSpan, at start: Int) throws(Interruption) -> RequestTarget {
    let pathEnd = bytes.firstPosition(from: start, where: ByteBlock.endsPath)
    var end = pathEnd
    if pathEnd < bytes.byteCount && bytes[octet: pathEnd] == Ascii.questionMark {
      end = bytes.firstPosition(from: pathEnd &+ 1, where: ByteBlock.endsTarget)
    }
    if end &- start > Int(limits.maxTarget) { throw .rejected(.targetTooLong) }
    switch try bytes.next(at: end) {
    case Ascii.space where end > start: return RequestTarget(range: ByteRange(from: start, to: end), pathEnd: pathEnd)
    case Ascii.carriageReturn: throw .rejected(.malformedVersion)
    case Ascii.lineFeed: throw .rejected(.bareLineFeed)
    case Ascii.space: throw .rejected(.emptyTarget)
    default: throw .rejected(.forbiddenTargetByte)
    }
  }

  /// `HTTP/1.0` or `HTTP/1.x`, in capitals (RFC 9112, section 2.3). Returns 0 or 1.
  @inline(__always)
  private func readVersion(_ bytes: RawSpan, at start: Int) throws(Interruption) -> UInt8 {
    if start &+ 8 <= bytes.byteCount && bytes.equals(ByteRange(from: start, to: start &+ 8), "HTTP/1.1") { return 1 }
    return try Self.readUnusualVersion(bytes, at: start)
  }

  /// The same byte by byte, so that a wrong byte is answered as soon as it arrives.
  private static func readUnusualVersion(_ bytes: RawSpan, at start: Int) throws(Interruption) -> UInt8 {
    let name: InlineArray<5, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2f]
    for index in name.indices {
      if try bytes.next(at: start + index) != name[index] { throw .rejected(.malformedVersion) }
    }
    let major = try readDigit(bytes, at: start + 5)
    if try bytes.next(at: start + 6) != Ascii.dot { throw .rejected(.malformedVersion) }
    let minor = try readDigit(bytes, at: start + 7)
    if major != 1 { throw .rejected(.unsupportedVersion) }
    return min(minor, 1)
  }

  private static func readDigit(_ bytes: RawSpan, at position: Int) throws(Interruption) -> UInt8 {
    let byte = try bytes.next(at: position)
    if !ByteClass.digit.contains(byte) { throw .rejected(.malformedVersion) }
    return byte - Ascii.zero
  }
}

/// A request target whose end is known, to be read as one of the four forms (RFC 9112, section 3.2).
struct RequestTarget {
  let range: ByteRange
  /// Where the first `?` is, or the end of the target.
  let pathEnd: Int

  /// Sets path, query and authority of the head, whose method is set already.
  @inline(__always)
  func split(_ bytes: RawSpan, into head: inout RequestHead) throws(Interruption) {
    if head.method != .connect && bytes[octet: range.start] == Ascii.slash {
      splitPath(from: range.start, into: &head)
    } else {
      try splitOther(bytes, into: &head)
    }
  }

  private func splitOther(_ bytes: RawSpan, into head: inout RequestHead) throws(Interruption) {
    if head.method == .connect {
      guard Authority(range, in: bytes)?.isComplete == true else { throw .rejected(.unsuitableTarget) }
      head.authority = range
      head.path = ByteRange(from: range.end, to: range.end)
    } else if bytes.equals(range, "*") {
      if head.method != .options { throw .rejected(.unsuitableTarget) }
      head.path = range
    } else {
      try splitAbsolute(bytes, into: &head)
    }
  }

  /// `http://authority/path?query`. An authority without a host, or with a user in it, is rejected
  /// (RFC 9110, sections 4.2.1 and 4.2.4).
  private func splitAbsolute(_ bytes: RawSpan, into head: inout RequestHead) throws(Interruption) {
    guard let start = authorityStart(bytes) else { throw .rejected(.invalidTarget) }
    var end = start
    while end < pathEnd && bytes[octet: end] != Ascii.slash { end += 1 }
    let authority = ByteRange(from: start, to: end)
    guard Authority(authority, in: bytes)?.hasHost == true else { throw .rejected(.invalidTargetHost) }
    head.authority = authority
    splitPath(from: end, into: &head)
  }

  /// The place behind `http://` or `https://`, in any case.
  private func authorityStart(_ bytes: RawSpan) -> Int? {
    var schemeEnd = range.start
    while schemeEnd < pathEnd && bytes[octet: schemeEnd] != Ascii.colon { schemeEnd += 1 }
    let scheme = ByteRange(from: range.start, to: schemeEnd)
    let delimiter = ByteRange(from: schemeEnd, to: min(schemeEnd + 3, pathEnd))
    let isKnown = bytes.equals(scheme, anyCaseOf: "http") || bytes.equals(scheme, anyCaseOf: "https")
    return isKnown && bytes.equals(delimiter, "://") ? delimiter.end : nil
  }

  @inline(__always)
  private func splitPath(from start: Int, into head: inout RequestHead) {
    head.path = ByteRange(from: start, to: pathEnd)
    if pathEnd < range.end { head.query = ByteRange(from: pathEnd &+ 1, to: range.end) }
  }
}
