internal import CFiber
internal import CLinux

/// Large blocks of memory: bodies and what else takes 64 KiB or more, each a mapping of its own.
///
/// They come from the system and not from the C library: what that frees in the middle of a heap stays there, and what it
/// maps for each block anew costs a page fault for each page. Free ones are used again, and go back to the system when
/// nothing has needed them for a while. Sizes are powers of two up to 8 MiB; memory is used for touched pages only.
struct BlockPool {
  /// By size, from `smallest` on.
  private var classes = InlineArray<8, FreeBlocks>(repeating: FreeBlocks())

  private struct FreeBlocks {
    /// The first word of each free block points at the next.
    var first: UnsafeMutableRawPointer?
    var count = 0
    /// The fewest that were free at once since `noteIdle`: so many were not needed.
    var leastFree = 0
    /// How many are to be unmapped.
    var idle = 0
  }

  static var smallest: Int { 64 << 10 }
  private static var largestClass: Int { 7 }

  /// Whether a block of so many bytes is to come from here. Under AddressSanitizer none is: it knows where each block of
  /// the C library ends.
  @inline(__always)
  static func serves(_ size: Int) -> Bool { size >= smallest && !cfiber_has_sanitizer }

  /// The class of blocks of at least `size` bytes; nil if they are too large to be kept.
  @inline(__always)
  private static func number(for size: Int) -> Int? {
    let number = (smallest - 1).leadingZeroBitCount - (size - 1).leadingZeroBitCount
    return number <= largestClass ? number : nil
  }

  /// How many bytes a block for `size` has.
  static func capacity(for size: Int) -> Int {
    guard let number = number(for: size) else { return (size + 4095) & ~4095 }
    return smallest << number
  }

  /// A block of `capacity(for: size)` bytes; `isZeroed` says that they are all 0. Nil if there is no memory.
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
  /// Whether blocks are left to be unmapped that were found to be idle.
  var hasIdle: Bool { classes.indices.contains { classes[$0].idle > 0 } }

  /// Takes the blocks for idle that were free all the time since the last call.
  mutating func noteIdle() {
    for number in classes.indices {
      classes[number].idle = classes[number].leastFree
      classes[number].leastFree = classes[number].count
    }
  }

  /// Unmaps idle blocks, `most` bytes of them, or one.
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
