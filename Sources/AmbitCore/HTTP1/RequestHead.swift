/// One header line. The value is without the whitespace around it.
public struct HeaderField: Sendable, Equatable, BitwiseCopyable {
  public var name: ByteRange
  public var value: ByteRange

  public init(name: ByteRange = ByteRange(), value: ByteRange = ByteRange()) {
    self.name = name
    self.value = value
  }
}

/// How the end of a request's body is found (RFC 9112, section 6.3).
public enum BodyFraming: Sendable, Equatable {
  /// Neither `Content-Length` nor `Transfer-Encoding`: there is no body.
  case none
  /// `Content-Length`, in bytes, not negative.
  case length(Int64)
  /// `Transfer-Encoding: chunked`.
  case chunked
}

/// A request line and the header fields that decide how the connection goes on.
///
/// Each range is a slice of the bytes that were parsed. It is whole only once the parser has said `complete`.
public struct RequestHead: Sendable, Equatable {
  public var method: Method = .other
  public var methodRange = ByteRange()
  /// The request target as it was sent.
  public var target = ByteRange()
  /// The path, still percent-encoded: `*` for the asterisk form, empty for `CONNECT`, and empty for an absolute form
  /// such as `http://example.com`, which then means `/` (or `*` if the method is `OPTIONS`).
  public var path = ByteRange()
  /// What follows the first `?` of the target; nil without one, empty if nothing follows.
  public var query: ByteRange?
  /// Host and port: of the target if it is absolute or an authority, else of the `Host` field. It may be empty.
  public var authority: ByteRange?
  /// 0 for HTTP/1.0; 1 for HTTP/1.1 and each later 1.x.
  public var minorVersion: UInt8 = 0
  /// How many places of the field buffer are in use.
  public var fieldCount = 0
  public var body: BodyFraming = .none
  /// Whether the client expects to send another request on this connection (RFC 9112, section 9.3).
  public var keepsAlive = false
  /// Whether the client waits for `100 Continue` before it sends the body; never with HTTP/1.0.
  public var expectsContinue = false
  /// Bytes of the head, empty lines before it and the blank line after it included.
  public var length = 0

  public init() {}
}

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
