/// A request method that the host knows by name; every other token is `other` and for the router to judge.
///
/// Methods are case-sensitive (RFC 9110, section 9.1): `get` is `other`.
public enum Method: Sendable {
  case get, head, post, put, delete, connect, options, trace, patch, other
}

extension Method {
  /// The method whose name the bytes of `range` spell.
  @inline(__always)
  init(_ bytes: RawSpan, _ range: ByteRange) {
    self = .other
    switch range.length {
    case 3:
      if bytes.equals(range, "GET") { self = .get } else if bytes.equals(range, "PUT") { self = .put }
    case 4:
      if bytes.equals(range, "POST") { self = .post } else if bytes.equals(range, "HEAD") { self = .head }
    case 5:
      if bytes.equals(range, "PATCH") { self = .patch } else if bytes.equals(range, "TRACE") { self = .trace }
    case 6:
      if bytes.equals(range, "DELETE") { self = .delete }
    case 7:
      if bytes.equals(range, "OPTIONS") { self = .options } else if bytes.equals(range, "CONNECT") { self = .connect }
    default:
      break
    }
  }
}
