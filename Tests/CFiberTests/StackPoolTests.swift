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
  func `refuses a size that makes no stack`(size: Int) {
    var pool = cfiber_stack_pool()
    #expect(cfiber_stack_pool_init(&pool, size) == -1)
    #expect(errno == EINVAL)
  }

  @Test func `rounds the size up to whole pages`() {
    let page = sysconf(Int32(_SC_PAGESIZE))
    #expect(Pool(stackSize: 2 * page + 1).pool.stack_size == 3 * page)
  }

  @Test func `hands out the stack that came back last`() throws {
    let pool = Pool()
    let stacks = try (0..<3).map { _ in try pool.acquire() }
    pool.release([stacks[1], stacks[0]])
    let again = try [pool.acquire(), pool.acquire()]
    #expect(again == [stacks[0], stacks[1]])
    pool.release(stacks)
  }

  @Test func `hands out stacks that do not overlap and can be written to the last byte`() throws {
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

  @Test func `counts the live, the free, and the address space`() throws {
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

  @Test func `is not destroyed while a stack is live`() throws {
    let pool = Pool()
    let stack = try pool.acquire()
    #expect(cfiber_stack_pool_destroy(&pool.pool) == -1)
    #expect(errno == EBUSY)
    pool.release([stack])
    #expect(cfiber_stack_pool_destroy(&pool.pool) == 0)
    #expect(pool.pool.mapped == 0)
  }

  @Test func `gives the memory of stacks back, but not of those to keep`() throws {
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

  @Test func `keeps the memory of stacks that were in use meanwhile`() throws {
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

  @Test func `gives the memory of idle stacks back so much at a time`() throws {
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

  @Test func `does not take a stack for idle any more that is handed out before its memory went back`() throws {
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
  func `gives back the memory of stacks side by side, and their guards stay`(isReversed: Bool) throws {
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

  @Test func `tells in whose guard an address lies`() throws {
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
