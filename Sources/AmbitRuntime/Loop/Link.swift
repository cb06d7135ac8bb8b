/// A node of an intrusive, circular, doubly linked list: part of the record that is listed, or the list's head.
///
/// Records never move, so a node may point at its neighbours; inserting and removing allocate nothing and branch on
/// nothing. A node that is in no list points at itself.
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
  /// Makes the node stand alone, or the list empty.
  @inline(__always)
  public func initializeAlone() {
    initialize(to: Link(alone: self))
  }

  /// Whether the list that this node heads has no record, or this record is in no list.
  @inline(__always)
  public var isAlone: Bool { pointee.next == self }

  /// Adds `node`, which is in no list, as the last of the list that this node heads.
  @inline(__always)
  public func append(_ node: LinkPointer) {
    let last = pointee.previous
    node.pointee.next = self
    node.pointee.previous = last
    last.pointee.next = node
    pointee.previous = node
  }

  /// Takes this node out of its list, if it is in one.
  @inline(__always)
  public func remove() {
    let next = pointee.next
    let previous = pointee.previous
    previous.pointee.next = next
    next.pointee.previous = previous
    pointee.next = self
    pointee.previous = self
  }

  /// Takes the first node out of the list that this node heads; nil if it is empty.
  @inline(__always)
  public func popFirst() -> LinkPointer? {
    let first = pointee.next
    guard first != self else { return nil }
    first.remove()
    return first
  }

  /// Takes the last node out of the list that this node heads; nil if it is empty.
  @inline(__always)
  public func popLast() -> LinkPointer? {
    let last = pointee.previous
    guard last != self else { return nil }
    last.remove()
    return last
  }

  /// Moves all nodes of this list to the end of another, which must not be this one.
  public func move(to other: LinkPointer) {
    while let node = popFirst() { other.append(node) }
  }

  /// Calls `body` for each node from first to last; `body` may remove the node it is given, and no other.
  @inline(__always)
  public func forEach(_ body: (LinkPointer) -> Void) {
    var node = pointee.next
    while node != self {
      let next = node.pointee.next
      body(node)
      node = next
    }
  }

  /// The record of which this node is the field at `offset`.
  @inline(__always)
  public func record<Record>(_: Record.Type, at offset: Int) -> UnsafeMutablePointer<Record> {
    (UnsafeMutableRawPointer(self) - offset).assumingMemoryBound(to: Record.self)
  }
}
