internal import CFiber
internal import CLinux

/// Blocks of 64 KiB and more, each a mapping of its own: bodies and other large memory.
///
/// The C library is no good for them: memory that it frees in the middle of a heap stays there, and a fresh mapping for
/// each block costs a page fault for each page. This pool reuses free blocks, and unmaps those that were not needed for
/// a while. Sizes are powers of two up to 8 MiB; only pages that were touched use memory.
struct BlockPool {
  /// Free blocks by size; the first class has blocks of `smallest` bytes.
  private var classes = InlineArray<8, FreeBlocks>(repeating: FreeBlocks())

  private struct FreeBlocks {
    /// The first free block. The first word of each points at the next.
    var first: UnsafeMutableRawPointer?
    var count = 0
    /// The fewest that were free at any time since `noteIdle`, which is how many were not needed.
    var leastFree = 0
    /// How many blocks are to be unmapped.
    var idle = 0
  }

  static var smallest: Int { 64 << 10 }
  private static var largestClass: Int { 7 }

  /// Whether blocks of `size` bytes come from this pool. Never under AddressSanitizer, which knows where blocks of the
  /// C library end.
  @inline(__always)
  static func serves(_ size: Int) -> Bool { size >= smallest && !cfiber_has_sanitizer }

  /// The class of blocks of at least `size` bytes; nil if they are too large to be reused.
  @inline(__always)
  private static func number(for size: Int) -> Int? {
    let number = (smallest - 1).leadingZeroBitCount - (size - 1).leadingZeroBitCount
    return number <= largestClass ? number : nil
  }

  /// How many bytes a block for `size` bytes has.
  static func capacity(for size: Int) -> Int {
    guard let number = number(for: size) else { return (size + 4095) & ~4095 }
    return smallest << number
  }

  /// A block of `capacity(for: size)` bytes, all 0 if `isZeroed`. Nil if there is no memory.
  mutating func take(_ size: Int) -> (memory: UnsafeMutableRawPointer, isZeroed: Bool)? {
    guard let number = Self.number(for: size), let block = classes[number].first else {
      return clinux_map_memory(Self.capacity(for: size)).map { ($0, true) }
    }
    unlist(block, of: number)
    return (block, false)
  }

  /// Takes back a block that was taken for `size`.
  mutating func give(back block: UnsafeMutableRawPointer, size: Int) {
    guard let number = Self.number(for: size) else {
      return clinux_unmap_memory(block, Self.capacity(for: size))
    }
    block.storeBytes(of: classes[number].first, as: UnsafeMutableRawPointer?.self)
    classes[number].first = block
    classes[number].count += 1
  }

  private mutating func unlist(_ block: UnsafeMutableRawPointer, of number: Int) {
    classes[number].first = block.load(as: UnsafeMutableRawPointer?.self)
    classes[number].count -= 1
    classes[number].leastFree = min(classes[number].leastFree, classes[number].count)
    classes[number].idle = min(classes[number].idle, classes[number].count)
  }

  /// Whether blocks are free.
  var hasFree: Bool { classes.indices.contains { classes[$0].count > 0 } }
  /// Whether idle blocks are left to be unmapped.
  var hasIdle: Bool { classes.indices.contains { classes[$0].idle > 0 } }

  /// Marks the blocks as idle that were free all the time since the last call.
  mutating func noteIdle() {
    for number in classes.indices {
      classes[number].idle = classes[number].leastFree
      classes[number].leastFree = classes[number].count
    }
  }

  /// Unmaps idle blocks: at most `most` bytes of them, but at least one block.
  mutating func unmapIdle(most: Int) {
    var left = most
    for number in classes.indices {
      while classes[number].idle > 0, left > 0, let block = classes[number].first {
        let idle = classes[number].idle
        unlist(block, of: number)
        classes[number].idle = idle - 1
        clinux_unmap_memory(block, Self.smallest << number)
        left -= Self.smallest << number
      }
    }
  }
}
