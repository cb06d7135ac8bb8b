internal import AmbitRuntime

/// Bytes of a connection, with a count of references: the head of a request stays in place as long as its scope may
/// read it, while the connection goes on. The bytes follow the record.
struct Buffer {
  fileprivate var references: Int
  let capacity: Int
  /// The next free buffer of the pool.
  fileprivate var next: BufferPointer?

  /// Bytes of the buffers that are kept for reuse.
  static var standardCapacity: Int { 16384 - headerSize }
  fileprivate static var headerSize: Int { 32 }
}

typealias BufferPointer = UnsafeMutablePointer<Buffer>

extension UnsafeMutablePointer<Buffer> {
  @inline(__always)
  var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + Buffer.headerSize }

  /// Whether the caller's is the only reference: it may move or overwrite the bytes.
  @inline(__always)
  var isUnshared: Bool { pointee.references == 1 }

  @inline(__always)
  func retain() { pointee.references &+= 1 }

  /// Releases a reference. The last one frees the buffer or returns it to the pool.
  @inline(__always)
  func release(to pool: UnsafeMutablePointer<BufferPool>) {
    pointee.references &-= 1
    if pointee.references == 0 { pool.pointee.take(back: self) }
  }
}

/// The buffers of one loop.
struct BufferPool {
  private let loop: LoopPointer
  private var free: BufferPointer?
  private var freeCount = 0
  /// How many exist, free or not.
  private var made = 0

  init(of loop: LoopPointer) { self.loop = loop }

  /// How many buffers are in use.
  var liveCount: Int { made - freeCount }

  /// A buffer with room for `capacity` bytes. The caller has the only reference.
  @inline(__always)
  mutating func make(capacity: Int = Buffer.standardCapacity) -> BufferPointer {
    guard capacity <= Buffer.standardCapacity, let buffer = free else { return allocate(capacity) }
    free = buffer.pointee.next
    freeCount &-= 1
    buffer.pointee.references = 1
    return buffer
  }

  @inline(never)
  private mutating func allocate(_ capacity: Int) -> BufferPointer {
    made += 1
    let memory = loop.allocateMemory(Buffer.headerSize + Swift.max(capacity, Buffer.standardCapacity))
    let buffer = memory.baseAddress!.bindMemory(to: Buffer.self, capacity: 1)
    buffer.initialize(to: Buffer(references: 1, capacity: memory.count - Buffer.headerSize, next: nil))
    return buffer
  }

  /// Takes back a buffer without references. At most 256 are kept, 4 MiB; others are freed.
  @inline(__always)
  fileprivate mutating func take(back buffer: BufferPointer) {
    guard buffer.pointee.capacity == Buffer.standardCapacity, freeCount < 256 else {
      made -= 1
      let size = Buffer.headerSize + buffer.pointee.capacity
      return loop.deallocate(UnsafeMutableRawBufferPointer(start: buffer, count: size))
    }
    buffer.pointee.next = free
    free = buffer
    freeCount &+= 1
  }
}
