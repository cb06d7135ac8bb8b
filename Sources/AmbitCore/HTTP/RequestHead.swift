/// One header line. The value is without the whitespace around it.
public struct HeaderField: Sendable, Equatable, BitwiseCopyable {
  public var name: ByteRange
  public var value: ByteRange

  public init(name: ByteRange = ByteRange(), value: ByteRange = ByteRange()) {
    self.name = name
    self.value = value
  }
}

/// The length of a request's body, as its head declares it.
public enum BodyLength: Sendable, Equatable {
  /// There is no body.
  case none
  /// In bytes, not negative.
  case known(Int64)
  /// Known only at the end of the body: in HTTP/1.1 it is chunked (RFC 9112, section 7.1).
  case unknown
}

/// The part of a request's head that every version of HTTP has: method, target, fields, and whether a body follows.
///
/// Each range is a slice of the bytes that were parsed. The head is whole once the parser has said `complete`.
public struct RequestHead: Sendable, Equatable {
  public var method: Method = .other
  public var methodRange = ByteRange()
  /// The request target as it was sent.
  public var target = ByteRange()
  /// The path, still percent-encoded: `*` for the asterisk form, empty for `CONNECT`, and empty for an absolute form
  /// such as `http://example.com`, which then means `/` (or `*` if the method is `OPTIONS`).
  public var path = ByteRange()
  /// The bytes behind the first `?` of the target; nil without one, empty if nothing follows.
  public var query: ByteRange?
  /// Host and port: from the target if it is absolute or an authority, else from the `Host` field. It may be empty.
  public var authority: ByteRange?
  /// How many places of the field buffer are in use.
  public var fieldCount = 0
  public var body = BodyLength.none
  /// Whether the client waits for `100 Continue` before it sends the body; never with HTTP/1.0.
  public var expectsContinue = false

  public init() {}
}

/// A request method that the host knows by name. Every other token is `other`, and the router decides about it.
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
