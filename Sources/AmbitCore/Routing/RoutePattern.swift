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

extension RoutePattern: CustomStringConvertible {
  /// The canonical text: parsing it gives an equal pattern. Literals carry an escape, in upper-case digits, for every
  /// byte that may not stand for itself in a path (RFC 3986, section 3.3), and no other.
  public var description: String { "\(method) \(path)" }

  /// The path of the canonical text.
  public var path: String {
    segments.reduce(into: "") { path, segment in
      path.append("/")
      switch segment {
      case .literal(let bytes): path += bytes.map(Self.escaped).joined()
      case .parameter(let name): path.append("{\(name)}")
      case .rest(let name): path.append("{\(name)...}")
      }
    }
  }

  private static func escaped(_ byte: UInt8) -> String {
    let character = Unicode.Scalar(byte)
    switch character {
    case "A"..."Z", "a"..."z", "0"..."9", "-", ".", "_", "~", "!", "$", "&", "'", "(", ")", "*", "+", ",", ";", "=",
      ":", "@":
      return String(character)
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      return digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
  }
}

/// What a route pattern matches, regardless of what its parameters are called: two patterns of one meaning match
/// the same requests and cannot stand in one table.
public struct RouteMeaning: Sendable, Hashable {
  private enum Part: Sendable, Hashable {
    case literal([UInt8])
    case parameter
    case rest
  }

  private let method: String
  private let parts: [Part]

  fileprivate init(_ pattern: RoutePattern) {
    method = pattern.method
    parts = pattern.segments.map { segment in
      switch segment {
      case .literal(let bytes): .literal(bytes)
      case .parameter: .parameter
      case .rest: .rest
      }
    }
  }
}

extension RoutePattern {
  /// Method and shape alone.
  public var meaning: RouteMeaning { RouteMeaning(self) }
}

/// Two routes that match the same requests, by their places in the list that was to become a table.
public struct RouteConflict: Error, Sendable, Hashable {
  /// The route that stands earlier in the list.
  public let first: Int
  /// The route that repeats it.
  public let second: Int

  /// Every pattern of the list that repeats the meaning of an earlier one, each with the first of that meaning, in the
  /// order of the list.
  public static func all(in patterns: [RoutePattern]) -> [RouteConflict] {
    var holders: [RouteMeaning: Int] = [:]
    var conflicts: [RouteConflict] = []
    for (index, pattern) in patterns.enumerated() {
      let meaning = pattern.meaning
      if let holder = holders[meaning] {
        conflicts.append(RouteConflict(first: holder, second: index))
      } else {
        holders[meaning] = index
      }
    }
    return conflicts
  }
}

/// Why a text is not a route pattern, or not a prefix to mount routes below: where it stops making sense, what would
/// have been accepted there, and what stands there instead.
public struct RoutePatternError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The whole text that was refused.
  public let text: String
  /// Where in the text the fault is, in bytes from its beginning.
  public let offset: Int
  /// What would have been accepted there, for a sentence that begins with "expected".
  public let expected: String
  /// What stands there, for a sentence that goes on with "found".
  public let found: String

  /// One line with all four, the place as a column that counts from 1.
  public var description: String {
    "\"\(text)\": column \(offset + 1): expected \(expected), found \(found)"
  }
}
