internal import AmbitCore
internal import CTOML

/// The document of the parser. It is freed with this value, which returns only copies of its contents.
@safe struct ParsedDocument: ~Copyable {
  private let document: OpaquePointer

  init(_ text: String) {
    var text = text
    guard let document = text.withUTF8({ unsafe ctoml_parse($0.baseAddress, $0.count) }) else {
      fatalError("not enough memory to read the configuration")
    }
    unsafe self.document = document
  }

  deinit {
    unsafe ctoml_release(document)
  }

  /// The error, in which case there are no nodes; nil without an error.
  var fault: TOMLFault? {
    guard let error = unsafe ctoml_get_error(document)?.pointee else { return nil }
    let found = unsafe String(error.found)
    return unsafe TOMLFault(
      position: SourcePosition(error.position), sentence: String(error.sentence), found: found.isEmpty ? nil : found)
  }

  /// The table of the whole text. To be called only without an error.
  var root: TOMLNode {
    var count = 0
    let nodes = unsafe UnsafeBufferPointer(start: ctoml_get_nodes(document, &count), count: count)
    var next = nodes.startIndex
    return unsafe Self.node(of: nodes, at: &next)
  }

  /// The node at an index, with its children. Moves the index behind them.
  private static func node(of nodes: UnsafeBufferPointer<ctoml_node>, at next: inout Int) -> TOMLNode {
    let node = unsafe nodes[next]
    next += 1
    let value: TOMLNode.Value =
      switch unsafe node.kind {
      case CTOML_STRING: unsafe .string(String(node.string))
      case CTOML_INTEGER: unsafe .integer(Int(node.integer))
      case CTOML_FLOAT: unsafe .float(node.number)
      case CTOML_BOOLEAN: unsafe .boolean(node.boolean)
      case CTOML_ARRAY: unsafe .array((0..<node.children).map { _ in unsafe Self.node(of: nodes, at: &next) })
      case CTOML_TABLE: unsafe .table((0..<node.children).map { _ in unsafe member(of: nodes, at: &next) })
      default: .dateOrTime
      }
    return unsafe TOMLNode(value: value, position: SourcePosition(node.position))
  }

  private static func member(of nodes: UnsafeBufferPointer<ctoml_node>, at next: inout Int) -> TOMLMember {
    let node = unsafe nodes[next]
    return unsafe TOMLMember(
      key: String(node.key), position: SourcePosition(node.key_position), node: Self.node(of: nodes, at: &next))
  }
}

extension String {
  /// A copy of the text.
  fileprivate init(_ text: ctoml_text) {
    let bytes = unsafe UnsafeRawBufferPointer(start: text.ptr, count: text.length)
    self = unsafe String(decoding: bytes, as: UTF8.self)
  }
}

extension SourcePosition {
  fileprivate init(_ position: ctoml_position) {
    self.init(line: Int(position.line), column: Int(position.column))
  }
}
