import Testing

@testable import AmbitRuntime

@Suite struct `A pool of large blocks` {
  @Test(arguments: [(65_536, 65_536), (65_537, 131_072), (4 << 20, 4 << 20), (8 << 20, 8 << 20), (9 << 20, 9 << 20)])
  func `A block has the size of a power of two up to 8 MiB, and of whole pages above`(size: Int, capacity: Int) throws {
    #expect(BlockPool.capacity(for: size) == capacity)
    var pool = BlockPool()
    let block = try take(size, from: &pool)
    let bytes = UnsafeMutableRawBufferPointer(start: block.memory, count: capacity)
    #expect(block.isZeroed && bytes.allSatisfy { $0 == 0 })
    bytes[capacity - 1] = 1
    pool.give(back: block.memory, size: size)
    empty(&pool)
  }

  @Test func `A pool hands out the block that was freed last, with its content`() throws {
    var pool = BlockPool()
    let first = try take(100_000, from: &pool)
    let second = try take(100_000, from: &pool)
    for block in [first, second] { pool.give(back: block.memory, size: 100_000) }
    let again = try take(70_000, from: &pool)
    #expect(again.memory == second.memory && !again.isZeroed)
    // One of another size is none of these.
    let other = try take(200_000, from: &pool)
    #expect(other.memory != first.memory && other.isZeroed)
    pool.give(back: again.memory, size: 70_000)
    pool.give(back: other.memory, size: 200_000)
    empty(&pool)
  }

  @Test func `A pool unmaps blocks that were not needed since the last call, in slices`() throws {
    var pool = BlockPool()
    use(6, of: &pool)
    pool.noteIdle()
    #expect(!pool.hasIdle && pool.hasFree)
    use(2, of: &pool)
    pool.noteIdle()
    #expect(pool.hasIdle)
    var slices = 0
    while pool.hasIdle {
      pool.unmapIdle(most: 2 * 128 << 10)
      slices += 1
    }
    #expect(slices == 2, "four blocks of 128 KiB, two at a time")
    #expect(pool.hasFree)
    empty(&pool)
    #expect(!pool.hasFree)
  }

  @Test func `A pool does not unmap blocks that are used while it unmaps others`() throws {
    var pool = BlockPool()
    use(4, of: &pool)
    pool.noteIdle()
    pool.noteIdle()
    let used = try (0..<3).map { _ in try take(100_000, from: &pool) }
    for block in used { block.memory.storeBytes(of: 7, as: UInt8.self) }
    pool.unmapIdle(most: .max)
    #expect(!pool.hasFree)
    for block in used {
      #expect(block.memory.load(as: UInt8.self) == 7)
      pool.give(back: block.memory, size: 100_000)
    }
    empty(&pool)
  }

  private func take(
    _ size: Int, from pool: inout BlockPool
  ) throws -> (memory: UnsafeMutableRawPointer, isZeroed: Bool) {
    let block = pool.take(size)
    return try #require(block)
  }

  /// Takes so many blocks of 128 KiB and gives them back.
  private func use(_ count: Int, of pool: inout BlockPool) {
    let blocks = (0..<count).compactMap { _ in pool.take(100_000)?.memory }
    for block in blocks { pool.give(back: block, size: 100_000) }
  }

  private func empty(_ pool: inout BlockPool) {
    for _ in 0..<2 { pool.noteIdle() }
    pool.unmapIdle(most: .max)
  }
}
