/// The requests that a route answers: a method and a path with parameters, written `METHOD /literal/{name}/{rest...}`.
///
/// - The method is a token without lower-case letters, or `*` for any method.
/// - A literal segment is compared with the decoded path byte by byte. Escapes in the pattern are decoded when it is
///   parsed.
/// - `{name}` stands for one whole segment that is not empty.
/// - `{name...}`, only as the last segment, stands for the rest of the path with its slashes. The rest may be empty,
///   but the slash before it must be there: `/files/{path...}` answers `/files/` and not `/files`.
/// - A slash at the end counts: `/a/` and `/a` are different paths.
///
/// Two patterns are equal if their texts are equal apart from escapes. Two patterns conflict if their `meaning` is
/// equal.
public struct RoutePattern: Sendable, Hashable {
  /// The most segments of a pattern, and of a path that is routed.
  public static let maximumSegments = 64
  /// The most parameters of a pattern, including a rest.
  public static let maximumParameters = 16

  /// One part of the path, between two slashes.
  public enum Segment: Sendable, Hashable {
    /// Exactly these bytes, decoded. Only the last segment may be empty: the pattern ends in a slash then.
    case literal([UInt8])
    /// At least one byte.
    case parameter(String)
    /// Everything up to the end of the path.
    case rest(String)
  }

  /// The method as written, `*` for any.
  public let method: String
  /// The segments of the path. Never empty: the path `/` has one empty literal.
  public let segments: [Segment]

  /// Parses a pattern such as `GET /hello/{name}`.
  /// - Throws: the first error in the text and its position.
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

  /// The pattern mounted below a prefix: `GET /hello` below `/v1` is `GET /v1/hello`, and `GET /` is `GET /v1/`. The
  /// prefix has only literal segments and does not end in a slash. The prefix `/` changes nothing.
  /// - Throws: an error if the prefix is malformed, or if prefix and pattern together have more than `maximumSegments`.
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

extension RoutePattern: CodableByText {
  public init(canonical text: String) throws { self = try RoutePattern(text) }

  /// The canonical text: parsing it gives an equal pattern. In literals, exactly those bytes are escaped that a path
  /// must not contain (RFC 3986, section 3.3), with upper-case digits.
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

/// A route pattern without the names of its parameters. Two patterns with the same meaning match the same requests and
/// cannot be in one table.
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
  /// The pattern without the names of its parameters.
  public var meaning: RouteMeaning { RouteMeaning(self) }
}

/// Two routes that match the same requests, by their indices in the list of patterns.
public struct RouteConflict: Error, Sendable, Hashable {
  /// The index of the earlier route.
  public let first: Int
  /// The index of the route that repeats it.
  public let second: Int

  /// All conflicts in a list, in its order: each pattern that repeats the meaning of an earlier one, together with the
  /// first pattern of that meaning.
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

/// An error in the text of a route pattern or mount prefix: its position, the expected text and the text found there.
public struct RoutePatternError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The whole text.
  public let text: String
  /// The position of the error in bytes from the beginning of the text.
  public let offset: Int
  /// The text that would be accepted there, for a sentence that begins with "expected".
  public let expected: String
  /// The text that is there, for a sentence that continues with "found".
  public let found: String

  /// All four on one line. The position is a column, which counts from 1.
  public var description: String {
    "\"\(text)\": column \(offset + 1): expected \(expected), found \(found)"
  }
}
