internal import CFiber

/// The ready jobs and due ends of scopes of a loop, first in, first out.
///
/// A ring of addresses instead of a list through the records: a turn touches no record but its own, and the records of
/// later turns are known early enough to be prefetched.
struct ReadyQueue {
  private static let smallestCapacity = 256
  /// A capacity up to this is never given back.
  private static let keptCapacity = 16_384

  /// Owned.
  private var items: UnsafeMutablePointer<ReadyItem>
  /// The capacity, which is a power of two, minus one.
  private var mask: Int
  /// Positions only grow; the item at a position is at index `position & mask`.
  private var head = 0
  private var tail = 0

  init() {
    items = .allocate(capacity: Self.smallestCapacity)
    mask = Self.smallestCapacity - 1
  }

  func deallocate() { items.deallocate() }

  @inline(__always) var count: Int { tail &- head }
  @inline(__always) var isEmpty: Bool { tail == head }

  /// How many items fit.
  var capacity: Int { mask &+ 1 }

  /// The item `distance` places behind the first; `distance` is less than `count`.
  @inline(__always)
  subscript(distance: Int) -> ReadyItem { items[(head &+ distance) & mask] }

  @inline(__always)
  mutating func append(_ item: ReadyItem) {
    if count > mask { resize(to: 2 &* capacity) }
    items[tail & mask] = item
    tail &+= 1
  }

  /// Drops the first item. The queue is not empty.
  @inline(__always)
  mutating func removeFirst() { head &+= 1 }

  /// Moves the last `count` items to the front, in the same order.
  mutating func moveLastToFront(_ count: Int) {
    guard count < self.count else { return }
    head &-= count
    tail &-= count
    // Backwards: in a ring that is almost full, old and new places overlap.
    var offset = count
    while offset > 0 {
      offset &-= 1
      items[(head &+ offset) & mask] = items[(tail &+ offset) & mask]
    }
  }

  /// Frees the capacity that a burst has left behind.
  mutating func shrink() {
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

/// A job's turn, or the end of a scope, which comes after the turns of its jobs.
struct ReadyItem {
  /// The record's address. Records are aligned, so the lowest bits are free for flags.
  private let bits: UInt
  private static var endBit: UInt { 1 }
  private static var deepQueueBit: UInt { 2 }

  @inline(__always)
  init(_ job: JobPointer, isInDeepQueue: Bool) {
    bits = UInt(bitPattern: job) | (isInDeepQueue ? Self.deepQueueBit : 0)
  }

  @inline(__always)
  init(endOf scope: ScopePointer) { bits = UInt(bitPattern: scope) | Self.endBit }

  @inline(__always) private var address: UInt { bits & ~(Self.endBit | Self.deepQueueBit) }

  /// The job; nil if the item is the end of a scope.
  @inline(__always)
  var job: JobPointer? { bits & Self.endBit == 0 ? JobPointer(bitPattern: address) : nil }

  /// The scope whose end is due; nil if the item is a job.
  @inline(__always)
  var endingScope: ScopePointer? { bits & Self.endBit != 0 ? ScopePointer(bitPattern: address) : nil }

  /// The job was queued in a deep queue, so nothing has been prefetched for it yet.
  @inline(__always) var isInDeepQueue: Bool { bits & Self.deepQueueBit != 0 }

  /// Prefetches the first `size` bytes of the record.
  @inline(__always)
  func prefetch(_ size: Int) { cfiber_prefetch_record(UnsafeRawPointer(bitPattern: address)!, size) }
}
