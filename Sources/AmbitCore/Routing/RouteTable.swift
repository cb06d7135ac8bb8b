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
