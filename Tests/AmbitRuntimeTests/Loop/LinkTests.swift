import Testing

@testable import AmbitRuntime

/// A list and nodes that may be in it, named by number.
private struct Nodes {
  let head = LinkPointer.allocate(capacity: 1)
  let nodes: [LinkPointer]

  init(count: Int) {
    nodes = (0..<count).map { _ in LinkPointer.allocate(capacity: 1) }
    for node in [head] + nodes { node.initializeAlone() }
  }

  func deallocate() { for node in [head] + nodes { node.deallocate() } }

  func append(_ numbers: Int...) {
    for number in numbers { head.append(nodes[number]) }
  }

  func number(_ node: LinkPointer?) -> Int? { node.flatMap { nodes.firstIndex(of: $0) } }

  var listed: [Int] {
    var numbers: [Int] = []
    head.forEach { numbers.append(nodes.firstIndex(of: $0)!) }
    return numbers
  }
}

@Suite struct LinkedLists {
  @Test func `A list keeps the order in which nodes were appended`() {
    let list = Nodes(count: 3)
    defer { list.deallocate() }
    #expect(list.head.isAlone)
    list.append(2, 0, 1)
    #expect(list.listed == [2, 0, 1])
    #expect(!list.head.isAlone)
  }

  @Test func `A node can be removed from any place and appended again`() {
    let list = Nodes(count: 3)
    defer { list.deallocate() }
    list.append(0, 1, 2)
    list.nodes[1].remove()
    #expect(list.listed == [0, 2])
    #expect(list.nodes[1].isAlone)
    list.nodes[1].remove()
    list.nodes[0].remove()
    list.append(1)
    #expect(list.listed == [2, 1])
  }

  @Test func `A list gives nodes from both ends until it is empty`() {
    let list = Nodes(count: 3)
    defer { list.deallocate() }
    list.append(0, 1, 2)
    #expect(list.number(list.head.popLast()) == 2)
    #expect(list.number(list.head.popFirst()) == 0)
    #expect(list.number(list.head.popFirst()) == 1)
    #expect(list.head.popFirst() == nil)
    #expect(list.head.popLast() == nil)
  }

  @Test func `A list moves to the end of another list`() {
    let list = Nodes(count: 4)
    let other = LinkPointer.allocate(capacity: 1)
    other.initializeAlone()
    defer {
      list.deallocate()
      other.deallocate()
    }
    other.append(list.nodes[3])
    other.append(list.nodes[1])
    list.append(2, 0)
    other.move(to: list.head)
    #expect(list.listed == [2, 0, 3, 1])
    #expect(other.isAlone)
  }

  @Test func `Each node can be removed while the list is walked through`() {
    let list = Nodes(count: 4)
    defer { list.deallocate() }
    list.append(0, 1, 2, 3)
    list.head.forEach { node in if list.number(node)! % 2 == 0 { node.remove() } }
    #expect(list.listed == [1, 3])
    list.head.forEach { $0.remove() }
    #expect(list.head.isAlone)
  }

  @Test func `A node leads to its record`() throws {
    struct Record {
      var number: Int
      var link: Link
    }
    let record = UnsafeMutablePointer<Record>.allocate(capacity: 1)
    defer { record.deallocate() }
    let link = try #require(record.pointer(to: \.link))
    record.initialize(to: Record(number: 42, link: Link(alone: link)))
    #expect(link.record(Record.self, at: MemoryLayout<Record>.offset(of: \.link)!).pointee.number == 42)
  }
}
