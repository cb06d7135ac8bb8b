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
    guard Authority(authority, in: bytes)?.hasHost == true else { throw .rejected(.invalidTarget) }
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
