/// One place in the tree of all route patterns: what may follow the segments on the way to it, and which routes end
/// there. 0 stands for no node, since the root follows nothing.
struct RouteNode: Sendable, BitwiseCopyable {
  /// Where a segment that is not empty leads if no literal is taken.
  var parameter: UInt32 = 0
  /// The node of the routes that take the rest of the path from here.
  var rest: UInt32 = 0
  /// Whether literals may follow; if not, looking for one is saved.
  var hasLiterals = false
  /// The endpoints of the routes that end here.
  var firstEndpoint: UInt32 = 0
  var endpointCount: UInt32 = 0
}

/// One method of the routes that end at a node.
struct RouteEndpoint: Sendable, BitwiseCopyable {
  var method: MethodCode
  var route: UInt32
}

/// A method as a number that only one table gives a meaning, apart from those named here.
struct MethodCode: Sendable, Hashable, BitwiseCopyable {
  let value: UInt32

  /// A method that neither a route nor a standard names.
  static let unknown = MethodCode(value: 0)
  /// `*` in a pattern.
  static let any = MethodCode(value: 1)
  static let get = MethodCode(value: 2)
  static let head = MethodCode(value: 3)
}

/// The tree while it is built, out of patterns that do not conflict.
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
  /// What is in `children` and `codes`, in an order that does not vary from run to run.
  private var names: [NameIndex.Entry] = []

  /// Stands in for the node above all methods in the index of names.
  static let methodsNode = UInt32.max

  /// Every method of RFC 9110 and PATCH, those with a fixed code first.
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

  /// What leads to each node by a literal, and from `methodsNode` to the code of each method that a request may name.
  var index: NameIndex { NameIndex(names) }

  /// The code of a method, given out in the order of first use from 1.
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

  /// The node that a segment leads to, made if there is none yet.
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
