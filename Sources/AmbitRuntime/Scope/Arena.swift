internal import AmbitCore
internal import Glibc

/// The memory of a scope, which is given back all at once when the scope closes.
///
/// Small pieces come from chunks that the loop reuses. A larger piece gets a block of its own.
public struct Arena {
  private var chunks: UnsafeMutablePointer<ArenaChunk>?
  private var blocks: UnsafeMutablePointer<ArenaChunk>?

  init() {}

  /// `size` bytes, aligned to 16, until the arena is released; nil if there is no memory. They are zeroed, unless
  /// `isZeroed` is false and the piece is large.
  mutating func allocate(_ size: Int, from loop: LoopPointer, isZeroed: Bool = true) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= Int.max - 64 else { return nil }
    let rounded = (max(size, 1) + 15) & ~15
    if rounded > ArenaChunk.capacity / 4 { return allocateBlock(rounded, from: loop, isZeroed: isZeroed) }
    if chunks == nil || ArenaChunk.capacity - chunks!.pointee.used < rounded {
      let chunk = loop.takeChunk()
      chunk.initialize(to: ArenaChunk(next: chunks, used: 0))
      chunks = chunk
    }
    let piece = chunks!.bytes + chunks!.pointee.used
    chunks!.pointee.used += rounded
    memset(piece, 0, rounded)
    return piece
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
    return block.bytes
  }

  private func large(_ size: Int, from loop: LoopPointer, _ isZeroed: Bool) -> UnsafeMutableRawPointer? {
    guard let block = loop.takeBlock(size) else { return nil }
    if isZeroed, !block.isZeroed { memset(block.memory, 0, size) }
    return block.memory
  }

  /// Nothing was allocated.
  @inline(__always)
  var isEmpty: Bool { chunks == nil && blocks == nil }

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
    pointee.memory.allocate(size, from: pointee.loop, isZeroed: isZeroed)
  }

  /// A copy in the scope's memory, followed by a NUL; empty if there is no memory.
  public func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> {
    guard let memory = allocate(bytes.count + 1) else { return UnsafeBufferPointer(start: nil, count: 0) }
    if let source = bytes.baseAddress { memcpy(memory, source, bytes.count) }
    return UnsafeBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  /// Has `function(argument)` called when the scope closes, before the functions that were deferred earlier.
  func deferCall(_ function: @escaping HookFunction, _ argument: UnsafeMutableRawPointer?) -> Status {
    guard pointee.state != .closed else { return .closed }
    guard let memory = allocate(MemoryLayout<DeferredCall>.size) else { return .noMemory }
    let call = memory.bindMemory(to: DeferredCall.self, capacity: 1)
    call.initialize(to: DeferredCall(function: function, argument: argument, earlier: pointee.deferred))
    pointee.deferred = call
    return .ok
  }
}
