import TestSupport
import Testing

@testable import AmbitCore

@Suite("Large route tables") struct RouteTableScaleTests {
  @Test(arguments: [(UInt64(1), 10_000, 300), (2, 300, 500), (3, 40, 500), (4, 40, 500), (5, 5, 500)])
  func `A large route table agrees with a search of every route`(seed: UInt64, count: Int, requests: Int) throws {
    var random = SeededGenerator(seed: seed)
    let patterns = try randomPatterns(count, using: &random)
    let table = try RouteTable(patterns)
    let reference = EveryRoute(patterns)
    var matches = 0
    for _ in 0..<requests {
      let method = ["GET", "HEAD", "POST", "PUT", "FETCH"].randomElement(using: &random)!
      let path = (0..<Int.random(in: 1...6, using: &random)).map { _ in randomLiteral(orEmpty: true, using: &random) }
      let request = "\(method) /\(path.joined(separator: "/"))"
      let expected = reference.match(method: method, path: path)
      #expect(try table.answer(request).match == expected, "\(request), seed \(seed)")
      if case .route = expected { matches += 1 }
      guard expected == .methodNotAllowed else { continue }
      let allowed = try table.searching(request) { table.allowedMethods(path: $1, segments: $2) }
      #expect(Set(allowed) == reference.allowed(path: path), "\(request), seed \(seed)")
    }
    #expect(matches > 0)
  }

  @Test func `A route table finds each of 10,000 routes`() throws {
    let table = try wideTable(10_000)
    for route in stride(from: 0, to: 10_000, by: 7) {
      #expect(try table.answer("GET /r\(route)/value/x") == Answer(match: .route(route), values: ["value"]))
    }
    #expect(try table.answer("GET /r10000/value/x").match == .notFound)
  }

  @Test(arguments: ["GET /r7/value/x", "GET /r7/value/y", "GET /r7", "GET /nothing/here", "POST /r7/value/x"])
  func `A large route table visits as many nodes as a small one`(request: String) throws {
    let small = try cost(of: request, in: wideTable(10))
    let large = try cost(of: request, in: wideTable(10_000))
    #expect(small.visits == large.visits)
    #expect(large.visits <= 4)
  }

  @Test func `A route table looks at fewer than two slots for a name on average`() throws {
    let table = try wideTable(10_000)
    let probes = try (0..<1000).reduce(0) { try $0 + cost(of: "GET /r\($1 * 10)", in: table).probes }
    #expect(probes < 2 * 2 * 1000, "a method and a segment, 1000 times")
  }

  /// Routes that share a form and differ in the first segment.
  private func wideTable(_ count: Int) throws -> RouteTable {
    try RouteTable((0..<count).map { try RoutePattern("GET /r\($0)/{a}/x") })
  }

  private func cost(of request: String, in table: RouteTable) throws -> RouteSearch {
    try table.searching(request) { method, path, segments in
      var search = RouteSearch()
      _ = table.find(method: method, path: path, segments: segments, search: &search)
      return search
    }
  }

  /// Patterns of which no two conflict, over so few words that many share a path.
  private func randomPatterns(_ count: Int, using random: inout SeededGenerator) throws -> [RoutePattern] {
    var meanings: Set<RouteMeaning> = []
    var patterns: [RoutePattern] = []
    while patterns.count < count {
      let length = Int.random(in: 1...6, using: &random)
      let segments = (0..<length).map { place in
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: "{p\(place)}"
        case 3 where place == length - 1: "{rest...}"
        default: randomLiteral(orEmpty: place == length - 1, using: &random)
        }
      }
      let method = ["GET", "GET", "HEAD", "POST", "*"].randomElement(using: &random)!
      let pattern = try RoutePattern("\(method) /\(segments.joined(separator: "/"))")
      if meanings.insert(pattern.meaning).inserted { patterns.append(pattern) }
    }
    return patterns
  }

  private func randomLiteral(orEmpty: Bool, using random: inout SeededGenerator) -> String {
    let words = ["a", "b", "ab", "abcdefgh", "abcdefghi", "c", "d"]
    if orEmpty, Int.random(in: 0..<8, using: &random) == 0 { return "" }
    return words.randomElement(using: &random)!
  }
}

/// The rules of the table said plainly: of all routes that match, the least by kind of segment, then by method.
private struct EveryRoute {
  private let patterns: [RoutePattern]

  init(_ patterns: [RoutePattern]) { self.patterns = patterns }

  func match(method: String, path: [String]) -> RouteMatch {
    var best: (rank: [Int], route: Int)?
    var foundPath = false
    for (route, pattern) in patterns.enumerated() {
      guard let kinds = kinds(of: pattern, matching: path) else { continue }
      foundPath = true
      guard let methodRank = rank(of: pattern.method, for: method) else { continue }
      let rank = kinds + [methodRank]
      if let current = best, current.rank.lexicographicallyPrecedes(rank) { continue }
      best = (rank, route)
    }
    return best.map { .route($0.route) } ?? (foundPath ? .methodNotAllowed : .notFound)
  }

  func allowed(path: [String]) -> Set<String> {
    let methods = Set(patterns.filter { kinds(of: $0, matching: path) != nil }.map(\.method))
    return methods.contains("GET") ? methods.union(["HEAD"]) : methods
  }

  /// 0 for each segment matched by a literal, 1 by a parameter, 2 by the rest; nil if the path does not match.
  private func kinds(of pattern: RoutePattern, matching path: [String]) -> [Int]? {
    var kinds: [Int] = []
    for (place, segment) in pattern.segments.enumerated() {
      guard place < path.count else { return nil }
      switch segment {
      case .literal(let bytes):
        guard path[place].utf8.elementsEqual(bytes) else { return nil }
        kinds.append(0)
      case .parameter:
        guard !path[place].isEmpty else { return nil }
        kinds.append(1)
      case .rest: return kinds + [2]
      }
    }
    return kinds.count == path.count ? kinds : nil
  }

  private func rank(of method: String, for requested: String) -> Int? {
    if method == requested { return 0 }
    if method == "GET", requested == "HEAD" { return 1 }
    return method == "*" ? 2 : nil
  }
}
