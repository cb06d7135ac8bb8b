/// Free records of one kind, the one that came back last the first to be used again.
///
/// All that come back are kept at first: what one burst needed, the next may need again, and taking it from the system
/// costs more than the rest of a record's life. Those that nothing has needed for a while are freed, except for some.
struct RecordPool<Record> {
  /// So many free records are never freed.
  let kept: Int
  private var count = 0
  /// How many exist, free or not.
  private var made = 0
  /// The fewest that were free at once since `noteIdle`: so many were not needed.
  private var leastFree = 0
  /// How many are to be freed.
  private(set) var idleCount = 0
  /// The first bytes of each free record point at the next.
  private var first: UnsafeMutableRawPointer?

  init(keeping kept: Int) { self.kept = kept }

  /// How many records are in use.
  var liveCount: Int { made - count }

  /// How many are free beyond those that are kept.
  var surplus: Int { max(count - kept, 0) }

  /// A record, uninitialised; `size` is what to allocate if that is more than the record's own.
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

  /// Takes a record back; nobody looks at it any more. True if there are more free ones now than are kept.
  @inline(__always)
  mutating func give(back record: UnsafeMutablePointer<Record>) -> Bool {
    let record = UnsafeMutableRawPointer(record)
    record.storeBytes(of: first, as: UnsafeMutableRawPointer?.self)
    first = record
    count &+= 1
    return count > kept
  }

  /// Takes the records for idle that were free all the time since the last call, except for those that are kept.
  mutating func noteIdle() {
    idleCount = min(surplus, leastFree)
    leastFree = count
  }

  /// Frees as many records as are idle, at most `most`: those at hand, which came back last.
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
