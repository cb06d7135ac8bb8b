import CFiber
import Glibc
import TestSupport
import Testing

/// The state that the fibers of one test share: their records, and the steps in their order.
private final class Stage {
  let thread = UnsafeMutablePointer<cfiber>.allocate(capacity: 1)
  let fiber = UnsafeMutablePointer<cfiber>.allocate(capacity: 1)
  /// A fiber whose record lies on its own stack.
  var within: UnsafeMutablePointer<cfiber>?
  var pool = cfiber_stack_pool()
  var steps: [String] = []

  init() {
    cfiber_adopt_thread(thread)
    cfiber_stack_pool_init(&pool, 64 * 1024)
  }

  deinit {
    cfiber_stack_pool_destroy(&pool)
    thread.deallocate()
    fiber.deallocate()
  }

  var opaque: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  static func of(_ argument: UnsafeMutableRawPointer?) -> Stage {
    Unmanaged.fromOpaque(argument!).takeUnretainedValue()
  }
}

extension cfiber {
  fileprivate var isSuspendedOnItsStack: Bool {
    let low = UInt(bitPattern: stack_low)
    return (low..<low + UInt(stack_size)).contains(UInt(bitPattern: sp))
  }
}

@Suite struct Switching {
  @Test func `A switch alternates between the thread and a fiber, then ends the fiber`() throws {
    let stage = Stage()
    let stack = try #require(cfiber_stack_acquire(&stage.pool))
    cfiber_prepare(
      stage.fiber, stack, stage.pool.stack_size,
      { argument in
        let stage = Stage.of(argument)
        stage.steps.append("fiber begins")
        cfiber_switch(stage.fiber, stage.thread)
        stage.steps.append("fiber goes on")
        cfiber_switch_last(stage.fiber, stage.thread)
      }, stage.opaque)
    stage.steps.append("prepared")
    cfiber_switch(stage.thread, stage.fiber)
    stage.steps.append("suspended")
    cfiber_switch(stage.thread, stage.fiber)
    stage.steps.append("ended")
    cfiber_stack_release(&stage.pool, stack)
    #expect(stage.steps == ["prepared", "fiber begins", "suspended", "fiber goes on", "ended"])
  }

  @Test func `A switch leaves each stack pointer on the stack it belongs to`() throws {
    let stage = Stage()
    let stack = try #require(cfiber_stack_acquire(&stage.pool))
    cfiber_prepare(
      stage.fiber, stack, stage.pool.stack_size,
      { argument in
        let stage = Stage.of(argument)
        stage.steps.append(stage.thread.pointee.isSuspendedOnItsStack ? "thread inside" : "thread outside")
        cfiber_switch(stage.fiber, stage.thread)
        cfiber_switch_last(stage.fiber, stage.thread)
      }, stage.opaque)
    cfiber_switch(stage.thread, stage.fiber)
    #expect(stage.steps == ["thread inside"])
    #expect(stage.fiber.pointee.stack_low == stack)
    #expect(stage.fiber.pointee.isSuspendedOnItsStack)
    cfiber_switch(stage.thread, stage.fiber)
    cfiber_stack_release(&stage.pool, stack)
  }

  @Test func `A fiber's record stays at the top of its stack, and below it what its owner keeps there`() throws {
    let stage = Stage()
    let stack = try #require(cfiber_stack_acquire(&stage.pool))
    let fiber = cfiber_prepare_within(
      stack, stage.pool.stack_size, 48,
      { argument in
        let stage = Stage.of(argument)
        for step in ["begins", "goes on"] {
          stage.steps.append(step)
          cfiber_switch(stage.within!, stage.thread)
        }
        cfiber_switch_last(stage.within!, stage.thread)
      }, stage.opaque)
    stage.within = fiber
    let room = UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(fiber) - 48, count: 48)
    room.copyBytes(from: 1...48)
    for _ in 0..<3 {
      #expect(fiber.pointee.isSuspendedOnItsStack)
      cfiber_switch(stage.thread, fiber)
      #expect(room.elementsEqual(1...48))
    }
    #expect(stage.steps == ["begins", "goes on"])
    #expect(fiber.pointee.stack_low == stack)
    let fromTop = stack + stage.pool.stack_size - UnsafeMutableRawPointer(fiber)
    #expect((MemoryLayout<cfiber>.size...1024).contains(fromTop))
    cfiber_stack_release(&stage.pool, stack)
  }

  @Test func `A stack is used again for the next fiber`() throws {
    let stage = Stage()
    let stack = try #require(cfiber_stack_acquire(&stage.pool))
    for _ in 0..<3 {
      cfiber_prepare(
        stage.fiber, stack, stage.pool.stack_size,
        { argument in
          let stage = Stage.of(argument)
          stage.steps.append("ran")
          cfiber_switch_last(stage.fiber, stage.thread)
        }, stage.opaque)
      cfiber_switch(stage.thread, stage.fiber)
    }
    cfiber_stack_release(&stage.pool, stack)
    #expect(stage.steps == ["ran", "ran", "ran"])
  }

  @Test func `A switch keeps registers and control words over random switches`() throws {
    for compiler in Compiler.all {
      let ended = try compiled("registers", compiler).run()
      #expect(ended.text == "kept\n")
      #expect(ended.status == .exited(0), "\(compiler.command)")
    }
  }

  @Test func `The process aborts with a message when an entry function returns`() throws {
    let ended = try compiled("returned", #require(Compiler.all.first)).run()
    #expect(ended.status == .signalled(SIGABRT))
    #expect(ended.text == "CFiber: a fiber returned from its entry, without a last switch or after it\n")
  }
}
