/// Free records of one kind, the one that came back last the first to be used again; so many, and the rest is freed.
struct RecordPool<Record> {
  private let limit: Int
  private var count = 0
  /// How many exist, free or not.
  private var made = 0
  /// The first bytes of each free record point at the next.
  private var first: UnsafeMutableRawPointer?

  init(limit: Int) { self.limit = limit }

  /// How many records are in use.
  var liveCount: Int { made - count }

  /// A record, uninitialised; `size` is what to allocate if that is more than the record's own.
  @inline(__always)
  mutating func take(size: Int = MemoryLayout<Record>.size) -> UnsafeMutablePointer<Record> {
    guard let record = first else { return allocate(size) }
    first = record.load(as: UnsafeMutableRawPointer?.self)
    count &-= 1
    return record.assumingMemoryBound(to: Record.self)
  }

  @inline(never)
  private mutating func allocate(_ size: Int) -> UnsafeMutablePointer<Record> {
    made &+= 1
    return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16).assumingMemoryBound(to: Record.self)
  }

  /// Takes a record back. Nobody looks at it any more.
  @inline(__always)
  mutating func give(back record: UnsafeMutablePointer<Record>) {
    let record = UnsafeMutableRawPointer(record)
    guard count < limit else {
      made &-= 1
      return record.deallocate()
    }
    record.storeBytes(of: first, as: UnsafeMutableRawPointer?.self)
    first = record
    count &+= 1
  }
}
