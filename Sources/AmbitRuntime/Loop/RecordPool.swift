/// Free records of one kind; the one that was freed last is used first.
///
/// A burst's records are kept at first: the next burst may need them again, and memory from the system costs more than
/// the rest of a record's life. Records that were not needed for a while go back to the system, except for `kept`.
struct RecordPool<Record> {
  /// How many free records never go back to the system.
  let kept: Int
  /// How many records are free.
  private var count = 0
  /// How many records exist, free or not.
  private var made = 0
  /// The fewest that were free at any time since `noteIdle`, which is how many were not needed.
  private var leastFree = 0
  /// How many records are to go back to the system.
  private(set) var idleCount = 0
  /// The first free record. The first bytes of each point at the next.
  private var first: UnsafeMutableRawPointer?

  init(keeping kept: Int) { self.kept = kept }

  /// How many records are in use.
  var liveCount: Int { made - count }

  /// How many free records there are beyond `kept`.
  var surplus: Int { max(count - kept, 0) }

  /// A record, uninitialised. `size` is how many bytes to allocate if records are followed by something.
  @inline(__always)
  mutating func take(size: Int = MemoryLayout<Record>.size) -> UnsafeMutablePointer<Record> {
    guard let record = first else { return allocate(size) }
    first = record.load(as: UnsafeMutableRawPointer?.self)
    count &-= 1
    if count < leastFree { leastFree = count }
    return record.assumingMemoryBound(to: Record.self)
  }

  @inline(never)
  private mutating func allocate(_ size: Int) -> UnsafeMutablePointer<Record> {
    made &+= 1
    return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16).assumingMemoryBound(to: Record.self)
  }

  /// Takes back a record that nobody uses any more. True if more than `kept` are free now.
  @inline(__always)
  mutating func give(back record: UnsafeMutablePointer<Record>) -> Bool {
    let record = UnsafeMutableRawPointer(record)
    record.storeBytes(of: first, as: UnsafeMutableRawPointer?.self)
    first = record
    count &+= 1
    return count > kept
  }

  /// Marks the records as idle that were free all the time since the last call, except for `kept`.
  mutating func noteIdle() {
    idleCount = min(surplus, leastFree)
    leastFree = count
  }

  /// Gives at most `most` idle records back to the system.
  mutating func freeIdle(most: Int) {
    for _ in 0..<min(most, idleCount, surplus) {
      let record = first!
      first = record.load(as: UnsafeMutableRawPointer?.self)
      count &-= 1
      made &-= 1
      idleCount &-= 1
      record.deallocate()
    }
    leastFree = min(leastFree, count)
    if surplus == 0 { idleCount = 0 }
  }
}
