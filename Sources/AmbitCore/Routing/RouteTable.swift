/// The result of a search for the route of a request.
public enum RouteMatch: Sendable, Hashable, BitwiseCopyable {
  /// The route at this index in the list of patterns.
  case route(Int)
  /// No route has this path.
  case notFound
  /// There are routes for this path, but not for this method. `RouteTable.allowedMethods(path:segments:)` lists their
  /// methods.
  case methodNotAllowed
}

/// All routes of a host, in the form in which they are searched. Immutable: a reload makes a new table.
///
/// From left to right, a literal segment is preferred to a parameter, and a parameter to a rest. If the preferred
/// choice leads to no route with the right method, the next one is tried. Among the routes of one path the request's
/// own method is preferred to `*`, and `GET` answers `HEAD` unless `HEAD` has its own route there. Only a rest matches
/// an empty segment that is not the last one.
///
/// A search does not allocate and does not count references. It visits one node for each segment, however many routes
/// there are. It visits more only if routes have a literal and a parameter at the same position and the first choice
/// fails.
public struct RouteTable: Sendable {
  /// The patterns of the table. A route is identified by its index in this list.
  public let patterns: [RoutePattern]
  let nodes: [RouteNode]
  let endpoints: [RouteEndpoint]
  let index: NameIndex
  /// All methods that have a code, in the order of their codes from 1.
  let methods: [String]
  let parameters: RouteParameters

  /// Makes a table of routes. A route is identified by its index in the list.
  /// - Throws: the first conflict. `RouteConflict.all(in:)` lists all conflicts.
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
  ///   - method: the method as sent; methods are case-sensitive.
  ///   - path: the path as `PathNormaliser` makes it.
  ///   - segments: the ranges of all its segments.
  public func find(method: RawSpan, path: RawSpan, segments: Span<ByteRange>) -> RouteMatch {
    var search = RouteSearch()
    return find(method: method, path: path, segments: segments, search: &search)
  }

  /// As above, and records what the search did.
  @inline(__always)
  func find(
    method: RawSpan, path: RawSpan, segments: Span<ByteRange>, search: inout RouteSearch
  ) -> RouteMatch {
    let method = code(of: method, search: &search)
    let route = route(below: 0, from: 0, method: method, path: path, segments: segments, search: &search)
    if route >= 0 { return .route(route) }
    return search.foundPath ? .methodNotAllowed : .notFound
  }

  /// Whether a method is one of RFC 9110 or PATCH, or a route of the table names it. Other methods are not implemented
  /// (501), unless the path has a route for any method.
  public func knows(method: RawSpan) -> Bool {
    var search = RouteSearch()
    return code(of: method, search: &search) != .unknown
  }

  /// The code of a method. Most requests are GET, which needs no search.
  @inline(__always)
  private func code(of method: RawSpan, search: inout RouteSearch) -> MethodCode {
    if method.equals(ByteRange(from: 0, to: method.byteCount), "GET") { return .get }
    let node = RouteTree.methodsNode
    return MethodCode(
      value: index.child(of: node, named: method, offset: 0, length: method.byteCount, probes: &search.probes))
  }
}

/// The record of a search: its findings besides the route, and its cost.
struct RouteSearch: BitwiseCopyable {
  /// Whether the search saw a route with the path but not the method.
  var foundPath = false
  /// The number of visited nodes of the tree.
  var visits = 0
  /// The number of compared slots of the index of names.
  var probes = 0
}

extension RouteTable {
  /// The best route below a node for the segments from a position on; -1 if there is none. Calls itself only where it
  /// may have to return for a second choice.
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

  /// The best route that ends at a node; -1 if none has the method.
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
  /// The methods that routes answer at a path, for the `Allow` field of a 405 (RFC 9110, section 10.2.1), each once and
  /// sorted. `GET` implies `HEAD`. `*` if there is a route for any method. Allocates: it is meant for requests that are
  /// refused.
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
