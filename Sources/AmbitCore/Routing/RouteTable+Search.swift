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
