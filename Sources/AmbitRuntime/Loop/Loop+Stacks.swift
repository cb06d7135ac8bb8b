internal import AmbitSystem
internal import CFiber

// The address space of stacks. Mapped stacks cost page tables, 2 to 3 KiB each, touched or not. Stacks that were not
// needed for 4 to 8 seconds are unmapped, a slab of 64 at a time, in slices that block nobody.

extension Loop {
  /// A slab is unmapped when it was not needed for this long to twice as long, in nanoseconds.
  static var slabPeriod: Int64 { 4_000_000_000 }
  /// The same number as in CFiber.
  fileprivate static var stacksPerSlab: Int { 64 }
  /// How many slabs are looked at in one turn, in less than half a millisecond.
  fileprivate static var slabSlice: Int { 4 }
  /// Nanoseconds from one slice to the next.
  fileprivate static var slabPause: Int64 { 2_000_000 }
}

extension cfiber_stack_pool {
  /// A pool with its first slab mapped, so that the pool has stacks even if jobs of another loop use up the address
  /// space.
  init(stackSize: Int) throws(SystemError) {
    self.init()
    try SystemError.check("stack pool of \(stackSize) bytes", cfiber_stack_pool_init(&self, stackSize))
    if let first = cfiber_stack_acquire(&self) { cfiber_stack_release(&self, first) }
  }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var slabTimer: TimerPointer { pointer(to: \.slabTimer)! }

  /// The pool has no free stack and makes a new one, perhaps in a new slab.
  @inline(never)
  func noteNewStack(in pool: UnsafeMutablePointer<cfiber_stack_pool>) {
    pointee.turnsLeft &-= Loop.newStackCost
    if pool.pointee.created >= Loop.stacksPerSlab, !slabTimer.isArmed {
      arm(slabTimer, at: pointee.now &+ Loop.slabPeriod)
    }
  }

  private func forEachPool(_ body: (UnsafeMutablePointer<cfiber_stack_pool>) -> Void) {
    body(stackPool)
    body(handlerStacks)
    pointee.largeStacks.forEachPool(body)
  }

  /// Unmaps a slice of spare slabs. The first slice of a series finds out which are spare.
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

/// Stacks for the few jobs and handlers that ask for more than `stack_size` or `handler_stack_size`. One pool for each
/// power of two, made when a job first asks for that size.
///
/// The memory of such a stack goes back to the system as soon as the job has ended, its address space after some
/// seconds.
struct LargeStacks {
  /// The largest stack that a job may ask for, `StackSize.largest`, has two to the power of this many bytes.
  private static var largestExponent: Int { StackSize.largest.trailingZeroBitCount }

  /// By exponent; nil until the first job asks. Owned.
  private var pools: UnsafeMutablePointer<cfiber_stack_pool>?

  /// The pool of stacks that have at least `size` bytes, 4096 to `StackSize.largest`.
  mutating func pool(for size: Int) -> UnsafeMutablePointer<cfiber_stack_pool> {
    let exponent = Int.bitWidth - (size - 1).leadingZeroBitCount
    let pools = pools ?? makePools()
    // Fails only for sizes out of range.
    if pools[exponent].stack_size == 0 { cfiber_stack_pool_init(pools + exponent, 1 << exponent) }
    return pools + exponent
  }

  private mutating func makePools() -> UnsafeMutablePointer<cfiber_stack_pool> {
    let made = UnsafeMutablePointer<cfiber_stack_pool>.allocate(capacity: Self.largestExponent + 1)
    made.initialize(repeating: cfiber_stack_pool(), count: Self.largestExponent + 1)
    pools = made
    return made
  }

  /// Calls `body` with each pool that has been made.
  func forEachPool(_ body: (UnsafeMutablePointer<cfiber_stack_pool>) -> Void) {
    guard let pools else { return }
    for exponent in 0...Self.largestExponent where pools[exponent].stack_size > 0 { body(pools + exponent) }
  }

  /// How many stacks are in use.
  var liveCount: Int {
    guard let pools else { return 0 }
    return (0...Self.largestExponent).reduce(0) { $0 + cfiber_stack_pool_live(pools + $1) }
  }
}
