import CFiber
import Foundation
import Testing

/// A pool that is destroyed with the test.
private final class Pool {
  var pool = cfiber_stack_pool()

  init(stackSize: Int = 64 * 1024) {
    cfiber_stack_pool_init(&pool, stackSize)
  }

  deinit {
    cfiber_stack_pool_destroy(&pool)
  }

  func acquire() throws -> UnsafeMutableRawPointer {
    try #require(cfiber_stack_acquire(&pool))
  }

  /// Gives back the memory of the stacks that were not needed since the last time.
  func trim(keep: Int = 0) {
    cfiber_stack_pool_note_idle(&pool, keep)
    cfiber_stack_pool_cool(&pool, .max)
  }

  /// Ends a period, and unmaps the slabs of stacks that were free all through the one before.
  func unmapSpare() {
    cfiber_stack_pool_note_spare(&pool)
    while cfiber_stack_pool_unmap_spare(&pool, 1) {}
  }

  func release(_ stacks: [UnsafeMutableRawPointer]) {
    for stack in stacks { cfiber_stack_release(&pool, stack) }
  }
}

/// How many pages of a stack are in memory.
private func residentPages(_ stack: UnsafeMutableRawPointer, size: Int) -> Int {
  let page = sysconf(Int32(_SC_PAGESIZE))
  var flags = [UInt8](repeating: 0, count: size / page)
  mincore(stack, size, &flags)
  return flags.count { $0 & 1 != 0 }
}

/// Whether the byte at an address can be read: write(2) says so, and does not fault.
private func isReadable(_ address: UnsafeMutableRawPointer) -> Bool {
  var ends: [Int32] = [0, 0]
  guard pipe(&ends) == 0 else { return true }
  defer { for end in ends { close(end) } }
  return write(ends[1], address, 1) == 1
}

@Suite struct `A stack pool` {
  @Test(arguments: [0, 4095, 1 << 40 + 1])
  func `A stack pool refuses a size that makes no stack`(size: Int) {
    var pool = cfiber_stack_pool()
    #expect(cfiber_stack_pool_init(&pool, size) == -1)
    #expect(errno == EINVAL)
  }

  @Test func `A stack pool rounds the size up to whole pages`() {
    let page = sysconf(Int32(_SC_PAGESIZE))
    #expect(Pool(stackSize: 2 * page + 1).pool.stack_size == 3 * page * cfiber_stack_scale())
  }

  @Test func `A stack pool hands out the stack that came back last`() throws {
    let pool = Pool()
    let stacks = try (0..<3).map { _ in try pool.acquire() }
    pool.release([stacks[1], stacks[0]])
    let again = try [pool.acquire(), pool.acquire()]
    #expect(again == [stacks[0], stacks[1]])
    pool.release(stacks)
  }

  @Test func `A stack pool hands out stacks that do not overlap and can be written to the last byte`() throws {
    let pool = Pool()
    let size = pool.pool.stack_size
    let stacks = try (0..<200).map { _ in try pool.acquire() }
    for (number, stack) in stacks.enumerated() {
      memset(stack, Int32(number), size)
    }
    for (number, stack) in stacks.enumerated() {
      #expect(stack.load(as: UInt8.self) == UInt8(number))
      #expect((stack + size - 1).load(as: UInt8.self) == UInt8(number))
    }
    pool.release(stacks)
  }

  @Test func `A stack pool counts the live stacks, the free stacks, and the address space`() throws {
    let pool = Pool()
    #expect(pool.pool.mapped == 0)
    let stacks = try (0..<3).map { _ in try pool.acquire() }
    pool.release([stacks[2]])
    #expect(pool.pool.created == 3)
    #expect(pool.pool.free_count == 1)
    #expect(cfiber_stack_pool_live(&pool.pool) == 2)
    #expect(pool.pool.mapped >= 3 * pool.pool.stack_size)
    pool.release([stacks[0], stacks[1]])
    #expect(cfiber_stack_pool_live(&pool.pool) == 0)
  }

  @Test func `A stack pool is not destroyed while a stack is live`() throws {
    let pool = Pool()
    let stack = try pool.acquire()
    #expect(cfiber_stack_pool_destroy(&pool.pool) == -1)
    #expect(errno == EBUSY)
    pool.release([stack])
    #expect(cfiber_stack_pool_destroy(&pool.pool) == 0)
    #expect(pool.pool.mapped == 0)
  }

  @Test func `A stack pool gives the memory of stacks back, but not of those to keep`() throws {
    let pool = Pool()
    let size = pool.pool.stack_size
    let stacks = try (0..<4).map { _ in try pool.acquire() }
    for stack in stacks { memset(stack, 1, size) }
    pool.release(stacks)
    pool.trim(keep: 1)
    #expect(pool.pool.cold_count == 0, "all were in use")
    pool.trim(keep: 1)
    #expect(pool.pool.cold_count == 3)
    let resident = stacks.map { residentPages($0, size: size) > 0 }
    #expect(resident == [false, false, false, true])
    #expect(try pool.acquire() == stacks[3])
    #expect(try pool.acquire().load(as: UInt8.self) == 0)
    pool.release([stacks[2], stacks[3]])
    #expect(pool.pool.cold_count == 2)
  }

  @Test func `A stack pool keeps the memory of stacks that were in use meanwhile`() throws {
    let pool = Pool()
    let stacks = try (0..<6).map { _ in try pool.acquire() }
    pool.release(stacks)
    pool.trim()
    pool.release(try [pool.acquire(), pool.acquire()].reversed())
    #expect(cfiber_stack_pool_surplus(&pool.pool, 1) == 5)
    pool.trim()
    #expect(pool.pool.cold_count == 4)
    pool.trim()
    #expect(pool.pool.cold_count == 6)
    #expect(cfiber_stack_pool_surplus(&pool.pool, 1) == 0)
  }

  @Test func `A stack pool gives the memory of idle stacks back, at most so much at a time`() throws {
    let pool = Pool()
    pool.release(try (0..<6).map { _ in try pool.acquire() })
    cfiber_stack_pool_note_idle(&pool.pool, 1)
    cfiber_stack_pool_note_idle(&pool.pool, 1)
    var left: [Int] = []
    for _ in 0..<3 {
      cfiber_stack_pool_cool(&pool.pool, 2)
      left.append(cfiber_stack_pool_idle(&pool.pool))
    }
    #expect(left == [3, 1, 0])
    #expect(pool.pool.cold_count == 5)
  }

  @Test func `A stack that is handed out before its memory went back is not idle any more`() throws {
    let pool = Pool()
    let stacks = try (0..<4).map { _ in try pool.acquire() }
    pool.release(stacks)
    pool.trim()
    cfiber_stack_pool_note_idle(&pool.pool, 0)
    let used = try (0..<3).map { _ in try pool.acquire() }
    for stack in used { memset(stack, 1, pool.pool.stack_size) }
    pool.release(used.reversed())
    cfiber_stack_pool_cool(&pool.pool, .max)
    #expect(pool.pool.cold_count == 1)
    for stack in used { #expect(stack.load(as: UInt8.self) == 1) }
  }

  @Test(arguments: [false, true])
  func `A stack pool gives back the memory of stacks side by side, and their guards stay`(isReversed: Bool) throws {
    let pool = Pool()
    let size = pool.pool.stack_size
    let stacks = try (0..<8).map { _ in try pool.acquire() }
    for stack in stacks { memset(stack, 1, size) }
    // The third is in use; the others come back in the order of their addresses, or the other way round.
    let free = stacks.enumerated().filter { $0.offset != 2 }.map(\.element)
    pool.release(isReversed ? free.reversed() : free)
    pool.trim()
    pool.trim()
    #expect(pool.pool.cold_count == 7)
    #expect(stacks.map { residentPages($0, size: size) > 0 } == (0..<8).map { $0 == 2 })
    #expect(stacks[2].load(as: UInt8.self) == 1)
    for stack in stacks { #expect(!isReadable(stack - 1)) }
    pool.release([stacks[2]])
  }

  @Test func `A stack pool tells in whose guard an address lies`() throws {
    let pool = Pool()
    let stacks = try (0..<70).map { _ in try pool.acquire() }  // more than one mapping holds
    for stack in [stacks[0], stacks[69]] {
      #expect(cfiber_guard_hit(&pool.pool, stack - 1) == stack)
      #expect(cfiber_guard_hit(&pool.pool, stack - 64 * 1024) == stack)
      #expect(cfiber_guard_hit(&pool.pool, stack) == nil)
      #expect(cfiber_guard_hit(&pool.pool, stack + pool.pool.stack_size - 1) == nil)
    }
    #expect(cfiber_guard_hit(&pool.pool, nil) == nil)
    pool.release(stacks)
  }
}

/// The slabs that a burst has left behind, a long time after it.
@Suite struct `The slabs of a stack pool` {
  private static let stacksPerSlab = 64

  private static func used(_ slabs: Int) throws -> (Pool, [UnsafeMutableRawPointer]) {
    let pool = Pool()
    let stacks = try (0..<slabs * stacksPerSlab).map { _ in try pool.acquire() }
    for stack in stacks { stack.storeBytes(of: 1, as: UInt8.self) }
    return (pool, stacks)
  }

  @Test func `Slabs are unmapped when all of their stacks were free for a period, but for one`() throws {
    let (pool, stacks) = try Self.used(3)
    let mapped = pool.pool.mapped
    pool.release(stacks)
    pool.unmapSpare()
    #expect(pool.pool.mapped == mapped, "they were in use in this period")
    pool.unmapSpare()
    #expect(pool.pool.mapped == mapped / 3)
    #expect(pool.pool.created == Self.stacksPerSlab && pool.pool.free_count == Self.stacksPerSlab)
    #expect(!isReadable(stacks[100]) || !isReadable(stacks[191]))
    // The remaining slabs work as before, and the pool can make more.
    let again = try (0..<2 * Self.stacksPerSlab).map { _ in try pool.acquire() }
    #expect(Set(again).count == again.count)
    for stack in again {
      stack.storeBytes(of: 2, as: UInt8.self)
      #expect(!isReadable(stack - 1))
    }
    pool.release(again)
  }

  @Test func `Slabs stay when one of their stacks is in use`() throws {
    let (pool, stacks) = try Self.used(3)
    let kept = [stacks[10], stacks[150]]
    pool.release(stacks.filter { !kept.contains($0) })
    for _ in 0..<2 { pool.unmapSpare() }
    #expect(pool.pool.created == 2 * Self.stacksPerSlab)
    for stack in kept { #expect(stack.load(as: UInt8.self) == 1) }
    let rest = try (0..<2 * Self.stacksPerSlab - 2).map { _ in try pool.acquire() }
    #expect(Set(rest + kept).count == 2 * Self.stacksPerSlab && pool.pool.free_count == 0)
    pool.release(rest + kept)
  }

  @Test func `Slabs stay when their stacks were used in each period`() throws {
    let (pool, stacks) = try Self.used(3)
    pool.release(stacks)
    for _ in 0..<4 {
      pool.unmapSpare()
      let all = try (0..<3 * Self.stacksPerSlab).map { _ in try pool.acquire() }
      pool.release(all)
    }
    #expect(pool.pool.created == 3 * Self.stacksPerSlab)
  }

  @Test func `Slabs are looked at so many at a time, and slabs used in between stay`() throws {
    let (pool, stacks) = try Self.used(4)
    pool.release(stacks)
    for _ in 0..<2 { cfiber_stack_pool_note_spare(&pool.pool) }
    #expect(cfiber_stack_pool_unmap_spare(&pool.pool, 1))
    #expect(pool.pool.created == 3 * Self.stacksPerSlab)
    let used = try (0..<3 * Self.stacksPerSlab).map { _ in try pool.acquire() }
    for stack in used { stack.storeBytes(of: 2, as: UInt8.self) }
    pool.release(used)
    while cfiber_stack_pool_unmap_spare(&pool.pool, 1) {}
    #expect(pool.pool.created == 3 * Self.stacksPerSlab)
    for stack in used { #expect(stack.load(as: UInt8.self) == 2) }
  }

  @Test func `Slabs that were not carved to the end are unmapped too`() throws {
    let pool = Pool()
    let stacks = try (0..<Self.stacksPerSlab + 6).map { _ in try pool.acquire() }
    pool.release(stacks)
    for _ in 0..<2 { pool.unmapSpare() }
    #expect(pool.pool.created == Self.stacksPerSlab && pool.pool.slab_count == 1)
    let all = try (0..<Self.stacksPerSlab + 1).map { _ in try pool.acquire() }
    #expect(Set(all).count == all.count)
    pool.release(all)
  }

  @Test func `Slabs that are unmapped leave the counts of cold and idle stacks right`() throws {
    let (pool, stacks) = try Self.used(3)
    pool.release(Array(stacks.shuffled()))
    for _ in 0..<2 { pool.trim(keep: 20) }
    for _ in 0..<2 { pool.unmapSpare() }
    let size = pool.pool.stack_size
    let free = UnsafeBufferPointer(start: pool.pool.free_stacks, count: pool.pool.free_count).compactMap { $0 }
    #expect(free.count == Self.stacksPerSlab)
    let cold = free.prefix { residentPages($0, size: size) == 0 }.count
    #expect(pool.pool.cold_count == cold && pool.pool.idle_count == cold)
  }
}

@Suite struct `The search for a guard` {
  @Test func `The search for a guard finds the stack of any pool, and nothing once it is unmapped`() throws {
    let pools = [Pool(), Pool(stackSize: 1 << 20)]
    var gone: UnsafeMutableRawPointer?
    for pool in pools {
      let stacks = try (0..<70).map { _ in try pool.acquire() }
      for stack in [stacks[0], stacks[69]] {
        for place in [stack - 1, stack - cfiber_guard_size()] {
          var found = cfiber_guarded_stack()
          #expect(cfiber_find_guard(place, &found))
          #expect(found.stack_low == stack && found.stack_size == pool.pool.stack_size)
        }
        var found = cfiber_guarded_stack()
        #expect(!cfiber_find_guard(stack, &found) && !cfiber_find_guard(nil, &found))
      }
      gone = stacks[69]
      pool.release(stacks)
      for _ in 0..<2 { pool.unmapSpare() }
    }
    var found = cfiber_guarded_stack()
    #expect(!cfiber_find_guard(gone! - 1, &found))
  }

  @Test func `The search for a guard names the fiber on the stack`() throws {
    let pool = Pool()
    let stack = try pool.acquire()
    let fiber = cfiber_prepare_within(stack, pool.pool.stack_size, 0, { _ in }, nil)
    var found = cfiber_guarded_stack()
    #expect(cfiber_find_guard(stack - 8, &found) && found.fiber == fiber)
    pool.release([stack])
  }
}
