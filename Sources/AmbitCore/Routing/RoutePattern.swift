/// What a route answers: a method and the shape of a path, written `METHOD /literal/{name}/{rest...}`.
///
/// - The method is a token without lower-case letters, or `*` for any.
/// - A literal segment is compared with the decoded path, byte by byte; escapes in it are decoded when it is parsed.
/// - `{name}` stands for one whole segment that is not empty.
/// - `{name...}`, the last segment only, stands for all that is left of the path, slashes included. What is left may be
///   empty, but the slash before it must be there: `/files/{path...}` answers `/files/` and not `/files`.
/// - A slash at the end counts: `/a/` and `/a` are different paths.
///
/// Two patterns are equal if they are written alike up to escapes; `meaning` is what decides whether they conflict.
public struct RoutePattern: Sendable, Hashable {
  /// The most segments that a pattern may have, and that a path may have to be routed.
  public static let maximumSegments = 64
  /// The most parameters that a pattern may have, a rest included.
  public static let maximumParameters = 16

  /// One part of the path, between two slashes.
  public enum Segment: Sendable, Hashable {
    /// Exactly these bytes, decoded. Empty in the last segment alone: the pattern ends in a slash.
    case literal([UInt8])
    /// Any bytes but none.
    case parameter(String)
    /// Everything up to the end of the path.
    case rest(String)
  }

  /// The method as written, `*` for any.
  public let method: String
  /// The path, never empty: that of `/` is one empty literal.
  public let segments: [Segment]

  /// Parses a pattern such as `GET /hello/{name}`.
  /// - Throws: what is wrong with the text and where; the first fault only.
  public init(_ text: String) throws(RoutePatternError) {
    var parser = RoutePatternParser(text)
    method = try parser.method()
    segments = try parser.path()
  }

  private init(method: String, segments: [Segment]) {
    self.method = method
    self.segments = segments
  }

  /// The names of the parameters in the order of the path.
  public var parameterNames: [String] {
    segments.compactMap { segment in
      switch segment {
      case .literal: nil
      case .parameter(let name), .rest(let name): name
      }
    }
  }

  /// This pattern mounted below a prefix: `GET /hello` below `/v1` is `GET /v1/hello`, and `GET /` is `GET /v1/`.
  /// The prefix is made of literals and does not end in a slash, unless it is `/`, which changes nothing.
  /// - Throws: what is wrong with the prefix, or that the two together exceed `maximumSegments`.
  public func prefixed(by prefix: String) throws(RoutePatternError) -> RoutePattern {
    var parser = RoutePatternParser(prefix)
    let mount = try parser.prefix()
    guard mount.count + segments.count <= Self.maximumSegments else {
      throw RoutePatternError(
        text: prefix + path, offset: prefix.utf8.count, expected: "at most \(Self.maximumSegments) segments in all",
        found: "\(mount.count + segments.count)")
    }
    return RoutePattern(method: method, segments: mount + segments)
  }
}
