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
