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
