/// A node in the tree of all route patterns: its children, and the routes that end there. As the index of a child 0
/// means none, since no node has the root as its child.
struct RouteNode: Sendable, BitwiseCopyable {
  /// The child for a segment that is not empty, if no literal matches.
  var parameter: UInt32 = 0
  /// The child with the routes that take the rest of the path from here.
  var rest: UInt32 = 0
  /// Whether there are children for literals. If not, the search for one is skipped.
  var hasLiterals = false
  /// The first endpoint of the routes that end here.
  var firstEndpoint: UInt32 = 0
  var endpointCount: UInt32 = 0
}

/// A route that ends at a node, and its method.
struct RouteEndpoint: Sendable, BitwiseCopyable {
  var method: MethodCode
  var route: UInt32
}

/// A method as a number. Numbers other than those named here have a meaning in one table only.
struct MethodCode: Sendable, Hashable, BitwiseCopyable {
  let value: UInt32

  /// A method that no route and no standard names.
  static let unknown = MethodCode(value: 0)
  /// `*` in a pattern.
  static let any = MethodCode(value: 1)
  static let get = MethodCode(value: 2)
  static let head = MethodCode(value: 3)
}

/// Builds the tree from patterns that do not conflict.
struct RouteTree {
  private struct Name: Hashable {
    var parent: UInt32
    var bytes: [UInt8]
  }

  private(set) var nodes = [RouteNode()]
  private(set) var endpoints: [RouteEndpoint] = []
  private(set) var methods: [String] = []
  private var endpointsOfNode: [[RouteEndpoint]] = [[]]
  private var children: [Name: UInt32] = [:]
  private var codes: [String: MethodCode] = [:]
  /// The contents of `children` and `codes`, in an order that is the same in each run.
  private var names: [NameIndex.Entry] = []

  /// In the index of names, the parent of all methods.
  static let methodsNode = UInt32.max

  /// All methods of RFC 9110 and PATCH. Those with a fixed code come first.
  private static let standardMethods = [
    "*", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
  ]

  init(_ patterns: [RoutePattern]) {
    for method in Self.standardMethods { _ = code(of: method) }
    for (route, pattern) in patterns.enumerated() {
      let node = pattern.segments.reduce(0) { child(of: $0, at: $1) }
      let endpoint = RouteEndpoint(method: code(of: pattern.method), route: UInt32(route))
      endpointsOfNode[Int(node)].append(endpoint)
    }
    for node in nodes.indices {
      nodes[node].firstEndpoint = UInt32(endpoints.count)
      nodes[node].endpointCount = UInt32(endpointsOfNode[node].count)
      endpoints.append(contentsOf: endpointsOfNode[node])
    }
  }

  /// The index that leads from a node and a literal to the child, and from `methodsNode` and a method to its code.
  var index: NameIndex { NameIndex(names) }

  /// The code of a method. Codes are assigned from 1 in the order of first use.
  private mutating func code(of method: String) -> MethodCode {
    if let code = codes[method] { return code }
    methods.append(method)
    let code = MethodCode(value: UInt32(methods.count))
    codes[method] = code
    if code != .any {
      names.append(NameIndex.Entry(parent: Self.methodsNode, name: Array(method.utf8), child: code.value))
    }
    return code
  }

  /// The child for a segment. It is made if there is none yet.
  private mutating func child(of parent: UInt32, at segment: RoutePattern.Segment) -> UInt32 {
    let existing =
      switch segment {
      case .literal(let bytes): children[Name(parent: parent, bytes: bytes)] ?? 0
      case .parameter: nodes[Int(parent)].parameter
      case .rest: nodes[Int(parent)].rest
      }
    guard existing == 0 else { return existing }
    let child = UInt32(nodes.count)
    nodes.append(RouteNode())
    endpointsOfNode.append([])
    switch segment {
    case .literal(let bytes):
      children[Name(parent: parent, bytes: bytes)] = child
      names.append(NameIndex.Entry(parent: parent, name: bytes, child: child))
      nodes[Int(parent)].hasLiterals = true
    case .parameter: nodes[Int(parent)].parameter = child
    case .rest: nodes[Int(parent)].rest = child
    }
    return child
  }
}
