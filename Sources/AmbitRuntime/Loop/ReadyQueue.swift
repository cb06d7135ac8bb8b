internal import CFiber

/// What is to have its turn on a loop, first in, first out.
///
/// A ring of addresses and no list through the records: a turn then touches no record but its own, and those of later
/// turns can be told long before, so that the processor has fetched them when they come.
struct ReadyQueue {
  private static let smallestCapacity = 256
  /// Room for so many items is never given back.
  private static let keptCapacity = 16_384

  /// Owned.
  private var items: UnsafeMutablePointer<ReadyItem>
  /// The capacity, a power of two, less one.
  private var mask: Int
  /// Positions count on for ever; the item at each is at `position & mask`.
  private var head = 0
  private var tail = 0

  init() {
    items = .allocate(capacity: Self.smallestCapacity)
    mask = Self.smallestCapacity - 1
  }

  func deallocate() { items.deallocate() }

  @inline(__always) var count: Int { tail &- head }
  @inline(__always) var isEmpty: Bool { tail == head }

  /// How many items there is room for.
  var capacity: Int { mask &+ 1 }

  /// The item that comes `distance` after the first, less than `count`.
  @inline(__always)
  subscript(distance: Int) -> ReadyItem { items[(head &+ distance) & mask] }

  @inline(__always)
  mutating func append(_ item: ReadyItem) {
    if count > mask { resize(to: 2 &* capacity) }
    items[tail & mask] = item
    tail &+= 1
  }

  /// Drops the first item; there is one.
  @inline(__always)
  mutating func removeFirst() { head &+= 1 }

  /// Puts the last `count` items in front of all others, in the same order.
  mutating func moveLastToFront(_ count: Int) {
    guard count < self.count else { return }
    head &-= count
    tail &-= count
    // From the last on: in a ring that is almost full they overlap their new places.
    var offset = count
    while offset > 0 {
      offset &-= 1
      items[(head &+ offset) & mask] = items[(tail &+ offset) & mask]
    }
  }

  /// Gives back what room a burst needed and is in use no more.
  mutating func giveRoomBack() {
    if capacity > Self.keptCapacity, count < Self.keptCapacity / 2 { resize(to: Self.keptCapacity) }
  }

  @inline(never)
  private mutating func resize(to capacity: Int) {
    let moved = UnsafeMutablePointer<ReadyItem>.allocate(capacity: capacity)
    let count = count
    for distance in 0..<count { (moved + distance).initialize(to: self[distance]) }
    items.deallocate()
    (items, mask, head, tail) = (moved, capacity - 1, 0, count)
  }
}

/// A job's turn, or the end of a scope whose jobs are to have theirs before.
struct ReadyItem {
  /// The record's address. Records are aligned, so that the lowest bits are free for what else is known.
  private let bits: UInt
  private static var endBit: UInt { 1 }
  private static var crowdBit: UInt { 2 }

  @inline(__always)
  init(_ job: JobPointer, isInCrowd: Bool) { bits = UInt(bitPattern: job) | (isInCrowd ? Self.crowdBit : 0) }

  @inline(__always)
  init(endOf scope: ScopePointer) { bits = UInt(bitPattern: scope) | Self.endBit }

  @inline(__always) private var address: UInt { bits & ~(Self.endBit | Self.crowdBit) }

  /// The job whose turn it is; nil if it is the end of a scope.
  @inline(__always)
  var job: JobPointer? { bits & Self.endBit == 0 ? JobPointer(bitPattern: address) : nil }

  /// The scope whose end it is; nil if it is a job's turn.
  @inline(__always)
  var endingScope: ScopePointer? { bits & Self.endBit != 0 ? ScopePointer(bitPattern: address) : nil }

  /// A job that was queued behind so many others that the processor has not been told of it yet.
  @inline(__always) var isInCrowd: Bool { bits & Self.crowdBit != 0 }

  /// Has the processor fetch the first `size` bytes of the record.
  @inline(__always)
  func prefetch(_ size: Int) { cfiber_prefetch_record(UnsafeRawPointer(bitPattern: address)!, size) }
}
