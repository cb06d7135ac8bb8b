public import AmbitCore
internal import Glibc

/// The memory of a scope, which is given back all at once when the scope closes.
///
/// Small pieces come from chunks that the loop reuses. A larger piece gets a block of its own.
public struct Arena {
  private var chunks: UnsafeMutablePointer<ArenaChunk>?
  private var blocks: UnsafeMutablePointer<ArenaChunk>?
  /// Bytes that count as used by the plugin: of the chunks and the blocks, and what `include` adds.
  private(set) var size = 0

  init() {}

  /// `size` bytes, aligned to 16, until the arena is released; nil if there is no memory. They are zeroed, unless
  /// `isZeroed` is false and the piece is large.
  mutating func allocate(_ size: Int, from loop: LoopPointer, isZeroed: Bool = true) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= Self.largestPiece else { return nil }
    let rounded = Self.rounded(size)
    if Self.needsBlock(rounded) { return allocateBlock(rounded, from: loop, isZeroed: isZeroed) }
    if !hasRoom(rounded) {
      self.size += ArenaChunk.headerSize + ArenaChunk.capacity
      let chunk = loop.takeChunk()
      chunk.initialize(to: ArenaChunk(next: chunks, used: 0))
      chunks = chunk
    }
    let piece = chunks!.bytes + chunks!.pointee.used
    chunks!.pointee.used += rounded
    memset(piece, 0, rounded)
    return piece
  }

  /// By how many bytes `allocate(size)` makes `self.size` larger; `Int.max` if no memory could hold the piece.
  func growth(for size: Int) -> Int {
    guard size >= 0, size <= Self.largestPiece else { return .max }
    let rounded = Self.rounded(size)
    if Self.needsBlock(rounded) { return ArenaChunk.headerSize + rounded }
    return hasRoom(rounded) ? 0 : ArenaChunk.headerSize + ArenaChunk.capacity
  }

  /// Larger than what the address space of any processor has.
  private static var largestPiece: Int { 1 << 56 }

  private static func rounded(_ size: Int) -> Int { (max(size, 1) + 15) & ~15 }

  private static func needsBlock(_ rounded: Int) -> Bool { rounded > ArenaChunk.capacity / 4 }

  /// Whether the piece fits into the present chunk.
  private func hasRoom(_ rounded: Int) -> Bool {
    chunks != nil && ArenaChunk.capacity - chunks!.pointee.used >= rounded
  }

  private mutating func allocateBlock(
    _ size: Int, from loop: LoopPointer, isZeroed: Bool
  ) -> UnsafeMutableRawPointer? {
    let whole = ArenaChunk.headerSize + size
    guard let memory = BlockPool.serves(whole) ? large(whole, from: loop, isZeroed) : calloc(1, whole) else {
      return nil
    }
    let block = memory.bindMemory(to: ArenaChunk.self, capacity: 1)
    block.initialize(to: ArenaChunk(next: blocks, used: size))
    blocks = block
    self.size += whole
    return block.bytes
  }

  private func large(_ size: Int, from loop: LoopPointer, _ isZeroed: Bool) -> UnsafeMutableRawPointer? {
    guard let block = loop.takeBlock(size) else { return nil }
    if isZeroed, !block.isZeroed { memset(block.memory, 0, size) }
    return block.memory
  }

  /// Has bytes that lie elsewhere count, too, until the arena is released.
  mutating func include(_ size: Int) { self.size += size }

  /// Nothing was allocated or included.
  @inline(__always)
  var isEmpty: Bool { size == 0 }

  /// Gives everything back.
  mutating func release(to loop: LoopPointer) {
    while let chunk = chunks {
      chunks = chunk.pointee.next
      loop.giveBack(chunk)
    }
    while let block = blocks {
      blocks = block.pointee.next
      let whole = ArenaChunk.headerSize + block.pointee.used
      if BlockPool.serves(whole) {
        loop.giveBack(block: block, size: whole)
      } else {
        free(block)
        loop.noteFreedMemory()
      }
    }
    size = 0
  }
}

/// The header of a chunk of an arena; its bytes follow.
struct ArenaChunk {
  var next: UnsafeMutablePointer<ArenaChunk>?
  var used: Int

  static var headerSize: Int { 16 }
  static var capacity: Int { 4096 - headerSize }
}

extension UnsafeMutablePointer<ArenaChunk> {
  var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + ArenaChunk.headerSize }
}

// The memory of a scope, and the functions that run when it closes.

extension UnsafeMutablePointer<Scope> {
  /// `size` bytes of the scope's memory, aligned to 16; nil if there is no memory. They are zeroed. With `isZeroed`
  /// false, for memory that the caller writes over, large blocks are not.
  public func allocate(_ size: Int, isZeroed: Bool = true) -> UnsafeMutableRawPointer? {
    let before = pointee.memory.size
    let piece = pointee.memory.allocate(size, from: pointee.loop, isZeroed: isZeroed)
    if pointee.memory.size != before { pointee.use.memory.add(pointee.memory.size - before) }
    return piece
  }

  /// The same for memory that the plugin asks for; `.limit` if its generation would use more than its limit then, with
  /// the reason noted.
  public func allocateWithinLimit(_ size: Int, isZeroed: Bool = true) -> (Status, UnsafeMutableRawPointer?) {
    let growth = pointee.memory.growth(for: size)
    guard growth == 0 || growth == .max || pointee.use.memory.take(growth) else {
      return (pointee.use.memory.limit.statusNoted(), nil)
    }
    let piece = pointee.memory.allocate(size, from: pointee.loop, isZeroed: isZeroed)
    if piece == nil, growth != .max { pointee.use.memory.giveBack(growth) }
    return (piece == nil ? .noMemory : .ok, piece)
  }

  /// A copy in the scope's memory, followed by a NUL; empty if there is no memory.
  public func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> {
    copy(bytes, to: allocate(bytes.count + 1))
  }

  /// The same for a copy that the plugin asks for, with the status of `allocateWithinLimit`.
  func copyWithinLimit(_ bytes: UnsafeRawBufferPointer) -> (Status, UnsafeBufferPointer<UInt8>) {
    let (status, memory) = allocateWithinLimit(bytes.count + 1)
    return (status, copy(bytes, to: memory))
  }

  private func copy(
    _ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer?
  ) -> UnsafeBufferPointer<UInt8> {
    guard let memory else { return UnsafeBufferPointer(start: nil, count: 0) }
    if let source = bytes.baseAddress { memcpy(memory, source, bytes.count) }
    return UnsafeBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  /// Has `function(argument)` called when the scope closes, before the functions that were deferred earlier.
  func deferCall(_ function: @escaping HookFunction, _ argument: UnsafeMutableRawPointer?) -> Status {
    guard pointee.state != .closed else { return .closed }
    let (status, memory) = allocateWithinLimit(MemoryLayout<DeferredCall>.size)
    guard let call = memory?.bindMemory(to: DeferredCall.self, capacity: 1) else { return status }
    call.initialize(to: DeferredCall(function: function, argument: argument, earlier: pointee.deferred))
    pointee.deferred = call
    return .ok
  }
}
