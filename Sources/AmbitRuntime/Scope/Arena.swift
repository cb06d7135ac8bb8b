internal import Glibc

/// Memory that is given back all at once, when its scope closes.
///
/// Small pieces come from chunks that the loop keeps for reuse; a piece that does not fit well gets a block of its own.
public struct Arena {
  private var chunks: UnsafeMutablePointer<ArenaChunk>?
  private var blocks: UnsafeMutablePointer<ArenaChunk>?

  init() {}

  /// `size` bytes, aligned to 16 and zeroed, until the arena is released; nil if there is no memory.
  mutating func allocate(_ size: Int, from loop: LoopPointer) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= Int.max - 64 else { return nil }
    let rounded = (max(size, 1) + 15) & ~15
    if rounded > ArenaChunk.capacity / 4 { return allocateBlock(rounded) }
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

  private mutating func allocateBlock(_ size: Int) -> UnsafeMutableRawPointer? {
    guard let memory = calloc(1, ArenaChunk.headerSize + size) else { return nil }
    let block = memory.bindMemory(to: ArenaChunk.self, capacity: 1)
    block.initialize(to: ArenaChunk(next: blocks, used: size))
    blocks = block
    return block.bytes
  }

  /// Whether nothing was allocated.
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
      free(block)
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
