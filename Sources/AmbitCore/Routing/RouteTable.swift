/// What looking for the route of a request came to.
public enum RouteMatch: Sendable, Hashable, BitwiseCopyable {
  /// The route at this place in the list that the table was made of.
  case route(Int)
  /// No route has this path.
  case notFound
  /// There are routes with this path, and none with this method; `RouteTable.allowedMethods(path:segments:)` names
  /// those there are.
  case methodNotAllowed
}

/// All routes of a host, ready to be searched. Immutable: a reload makes a new one.
///
/// A literal segment is preferred to a parameter, a parameter to a rest, from the left to the right; where the preferred
/// way ends nowhere, or nowhere with the right method, the next one is tried. Among the routes of one path the
/// request's own method is preferred to `*`, and `GET` answers `HEAD` unless `HEAD` has a route there itself. An empty
/// segment that is not the path's last is matched by a rest only.
///
/// A search neither allocates nor counts references. It visits a node for each segment, however many routes there are;
/// more only where routes differ in having a literal and a parameter in the same place, and a first choice failed.
public struct RouteTable: Sendable {
  /// The patterns the table was made of; a route is known by its place in it.
  public let patterns: [RoutePattern]
  let nodes: [RouteNode]
  let endpoints: [RouteEndpoint]
  let index: NameIndex
  /// Every method with a code, that of code 1 first.
  let methods: [String]
  let parameters: RouteParameters

  /// A table of routes, each of which is then known by its place in the list.
  /// - Throws: the first two that have the same meaning. `RouteConflict.all(in:)` lists every such pair.
  public init(_ patterns: [RoutePattern]) throws(RouteConflict) {
    if let conflict = RouteConflict.all(in: patterns).first { throw conflict }
    self.init(unambiguous: patterns)
  }

  /// A table without routes.
  public init() { self.init(unambiguous: []) }

  private init(unambiguous patterns: [RoutePattern]) {
    let tree = RouteTree(patterns)
    self.patterns = patterns
    nodes = tree.nodes
    endpoints = tree.endpoints
    index = tree.index
    methods = tree.methods
    parameters = RouteParameters(patterns)
  }

  /// The route of a request.
  /// - Parameters:
  ///   - method: as sent; methods are case-sensitive.
  ///   - path: normal, as `PathNormaliser` makes it.
  ///   - segments: the ranges of all its segments.
  public func find(method: RawSpan, path: RawSpan, segments: Span<ByteRange>) -> RouteMatch {
    var search = RouteSearch()
    return find(method: method, path: path, segments: segments, search: &search)
  }

  /// The same, with the record of how the search went.
  @inline(__always)
  func find(
    method: RawSpan, path: RawSpan, segments: Span<ByteRange>, search: inout RouteSearch
  ) -> RouteMatch {
    let method = code(of: method, search: &search)
    let route = route(below: 0, from: 0, method: method, path: path, segments: segments, search: &search)
    if route >= 0 { return .route(route) }
    return search.foundPath ? .methodNotAllowed : .notFound
  }

  /// Whether a method is one of RFC 9110's or PATCH, or named by a route of the table. A request with any other is not
  /// implemented (501), unless its path has a route for any method.
  public func knows(method: RawSpan) -> Bool {
    var search = RouteSearch()
    return code(of: method, search: &search) != .unknown
  }

  /// Most requests are GET, which needs no search.
  @inline(__always)
  private func code(of method: RawSpan, search: inout RouteSearch) -> MethodCode {
    if method.equals(ByteRange(from: 0, to: method.byteCount), "GET") { return .get }
    let node = RouteTree.methodsNode
    return MethodCode(
      value: index.child(of: node, named: method, offset: 0, length: method.byteCount, probes: &search.probes))
  }
}

/// How a search went: what it found out besides the route, and what it cost.
struct RouteSearch: BitwiseCopyable {
  /// Whether a route with the path but not the method was seen.
  var foundPath = false
  /// How many nodes of the tree were visited.
  var visits = 0
  /// How many slots of the index of names were looked at.
  var probes = 0
}

extension RouteTable {
  /// The best route below a node for the segments from a place on; -1 if there is none. Calls itself only where it may
  /// have to come back for a second choice.
  func route(
    below start: UInt32, from firstPlace: Int, method: MethodCode, path: RawSpan, segments: Span<ByteRange>,
    search: inout RouteSearch
  ) -> Int {
    var below = start
    var place = firstPlace
    while true {
      let node = nodes.span[Int(below)]
      search.visits &+= 1
      guard place < segments.count else { return route(endingAt: node, method: method, search: &search) }
      let segment = segments[place]
      place &+= 1
      let literal = node.hasLiterals ? literal(segment, of: path, below: below, search: &search) : 0
      let parameter = segment.length > 0 ? node.parameter : 0
      if literal != 0 {
        guard parameter | node.rest != 0 else {
          below = literal
          continue
        }
        let found = route(
          below: literal, from: place, method: method, path: path, segments: segments, search: &search)
        if found >= 0 { return found }
      }
      if parameter != 0 {
        guard node.rest != 0 else {
          below = parameter
          continue
        }
        let found = route(
          below: parameter, from: place, method: method, path: path, segments: segments, search: &search)
        if found >= 0 { return found }
      }
      guard node.rest != 0 else { return -1 }
      search.visits &+= 1
      return route(endingAt: nodes.span[Int(node.rest)], method: method, search: &search)
    }
  }

  /// The node that a segment leads to as a literal; 0 if there is none.
  @inline(__always)
  func literal(_ segment: ByteRange, of path: RawSpan, below node: UInt32, search: inout RouteSearch) -> UInt32 {
    index.child(
      of: node, named: path, offset: Int(segment.offset), length: Int(segment.length), probes: &search.probes)
  }

  /// The best of the routes that end at a node; -1 if none has the method.
  @inline(__always)
  private func route(endingAt node: RouteNode, method: MethodCode, search: inout RouteSearch) -> Int {
    let endpoints = endpoints.span
    let first = Int(node.firstEndpoint)
    var getting = -1
    var anyMethod = -1
    for place in first..<(first &+ Int(node.endpointCount)) {
      let endpoint = endpoints[place]
      if endpoint.method == method { return Int(endpoint.route) }
      if endpoint.method == .get { getting = Int(endpoint.route) }
      if endpoint.method == .any { anyMethod = Int(endpoint.route) }
    }
    if method == .head, getting >= 0 { return getting }
    if anyMethod < 0, node.endpointCount > 0 { search.foundPath = true }
    return anyMethod
  }
}

extension RouteTable {
  /// The methods that some route answers at a path, for the `Allow` field of a 405 (RFC 9110, section 10.2.1), each
  /// once, `HEAD` next to the `GET` that answers it. `*` if there is a route for any method. Allocates; meant for the
  /// path of a request that was refused.
  public func allowedMethods(path: RawSpan, segments: Span<ByteRange>) -> [String] {
    var codes: Set<MethodCode> = []
    collectMethods(below: 0, from: 0, path: path, segments: segments, into: &codes)
    if codes.contains(.get) { codes.insert(.head) }
    return codes.map(\.value).sorted().map { methods[Int($0) - 1] }
  }

  private func collectMethods(
    below: UInt32, from place: Int, path: RawSpan, segments: Span<ByteRange>, into codes: inout Set<MethodCode>
  ) {
    let node = nodes[Int(below)]
    guard place < segments.count else { return insertMethods(endingAt: node, into: &codes) }
    var search = RouteSearch()
    let literal = literal(segments[place], of: path, below: below, search: &search)
    let parameter = segments[place].length > 0 ? node.parameter : 0
    for next in [literal, parameter] where next != 0 {
      collectMethods(below: next, from: place + 1, path: path, segments: segments, into: &codes)
    }
    if node.rest != 0 { insertMethods(endingAt: nodes[Int(node.rest)], into: &codes) }
  }

  private func insertMethods(endingAt node: RouteNode, into codes: inout Set<MethodCode>) {
    let first = Int(node.firstEndpoint)
    for endpoint in endpoints[first..<(first + Int(node.endpointCount))] { codes.insert(endpoint.method) }
  }
}
