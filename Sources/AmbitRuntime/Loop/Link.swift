/// A node of an intrusive, circular, doubly linked list: a field of a record in the list, or the list's head.
///
/// Records never move, so nodes can point at each other. Inserting and removing neither allocate nor branch. A node
/// that is in no list points at itself.
public struct Link {
  public var next: LinkPointer
  var previous: LinkPointer

  /// The value of a node at `address` that is in no list.
  @inline(__always)
  public init(alone address: LinkPointer) {
    next = address
    previous = address
  }
}

public typealias LinkPointer = UnsafeMutablePointer<Link>

extension UnsafeMutablePointer<Link> {
  /// Initialises the node of a record that is in no list, or the head of an empty list.
  @inline(__always)
  public func initializeAlone() {
    initialize(to: Link(alone: self))
  }

  /// For a head: whether the list is empty. For the node of a record: whether it is in no list.
  @inline(__always)
  public var isAlone: Bool { pointee.next == self }

  /// Appends `node`, which is in no list, to the list with this head.
  @inline(__always)
  public func append(_ node: LinkPointer) {
    let last = pointee.previous
    node.pointee.next = self
    node.pointee.previous = last
    last.pointee.next = node
    pointee.previous = node
  }

  /// Removes this node from its list. No effect if it is in none.
  @inline(__always)
  public func remove() {
    let next = pointee.next
    let previous = pointee.previous
    previous.pointee.next = next
    next.pointee.previous = previous
    pointee.next = self
    pointee.previous = self
  }

  /// Removes the first node of the list with this head; nil if the list is empty.
  @inline(__always)
  public func popFirst() -> LinkPointer? {
    let first = pointee.next
    guard first != self else { return nil }
    first.remove()
    return first
  }

  /// Removes the last node of the list with this head; nil if the list is empty.
  @inline(__always)
  public func popLast() -> LinkPointer? {
    let last = pointee.previous
    guard last != self else { return nil }
    last.remove()
    return last
  }

  /// Moves all nodes of this list to the end of another list.
  public func move(to other: LinkPointer) {
    while let node = popFirst() { other.append(node) }
  }

  /// Calls `body` for each node from first to last. `body` may remove the node it is given, but no other.
  @inline(__always)
  public func forEach(_ body: (LinkPointer) -> Void) {
    var node = pointee.next
    while node != self {
      let next = node.pointee.next
      body(node)
      node = next
    }
  }

  /// The record whose field at `offset` is this node.
  @inline(__always)
  public func record<Record>(_: Record.Type, at offset: Int) -> UnsafeMutablePointer<Record> {
    (UnsafeMutableRawPointer(self) - offset).assumingMemoryBound(to: Record.self)
  }
}
