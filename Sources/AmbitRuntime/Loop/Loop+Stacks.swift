internal import AmbitSystem
internal import CFiber

// The address space of stacks. What a burst has mapped costs page tables for as long as it is mapped, 2 to 3 KiB for each
// stack, touched or not. Stacks that nothing has needed for 4 to 8 seconds are unmapped, in slices that hold nobody up:
// 64 of them, a slab, at a time.

extension Loop {
  /// Nanoseconds for which nothing needs a stack, at least, before its slab is unmapped; and twice as many, at most.
  static var slabPeriod: Int64 { 4_000_000_000 }
  /// As CFiber has them.
  fileprivate static var stacksPerSlab: Int { 64 }
  /// Slabs that are looked at in one turn, in less than half a millisecond.
  fileprivate static var slabSlice: Int { 4 }
  /// Nanoseconds from one slice to the next.
  fileprivate static var slabPause: Int64 { 2_000_000 }
}

extension cfiber_stack_pool {
  /// A pool with its first slab: that is mapped while it can be, since jobs of another loop may use all address space up.
  init(stackSize: Int) throws(SystemError) {
    self.init()
    try SystemError.check("stack pool of \(stackSize) bytes", cfiber_stack_pool_init(&self, stackSize))
    if let first = cfiber_stack_acquire(&self) { cfiber_stack_release(&self, first) }
  }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var slabTimer: TimerPointer { pointer(to: \.slabTimer)! }

  /// The pool has no free stack and makes a new one, which may take another slab.
  @inline(never)
  func noteNewStack(in pool: UnsafeMutablePointer<cfiber_stack_pool>) {
    pointee.turnsLeft &-= Loop.turnsOfNewStack
    if pool.pointee.created >= Loop.stacksPerSlab, !slabTimer.isArmed {
      arm(slabTimer, at: pointee.now &+ Loop.slabPeriod)
    }
  }

  private func forEachPool(_ body: (UnsafeMutablePointer<cfiber_stack_pool>) -> Void) {
    body(stackPool)
    body(handlerStacks)
    pointee.largeStacks.forEachPool(body)
  }

  /// Unmaps a slice of what is spare; the first slice of a row finds out what that is.
  fileprivate func unmapSlice() {
    var hasMore = false
    var canHaveMore = false
    if !pointee.isUnmapping { forEachPool(cfiber_stack_pool_note_spare) }
    forEachPool { pool in
      hasMore = cfiber_stack_pool_unmap_spare(pool, Loop.slabSlice) || hasMore
      canHaveMore = cfiber_stack_pool_has_slabs_to_spare(pool) || canHaveMore
    }
    pointee.isUnmapping = hasMore
    if canHaveMore { arm(slabTimer, at: pointee.now &+ (hasMore ? Loop.slabPause : Loop.slabPeriod)) }
  }
}

let unmapSpareStacks: TimerFunction = { timer in
  timer.assumingMemoryBound(to: Timer.self).record(Loop.self, at: MemoryLayout<Loop>.offset(of: \.slabTimer)!)
    .unmapSlice()
}
