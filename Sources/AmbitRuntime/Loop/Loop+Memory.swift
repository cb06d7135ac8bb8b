internal import CFiber
internal import CLinux

// What a loop keeps for reuse, and what goes back to the system.
//
// Of records a loop keeps so many free ones; what a burst needed beyond is freed as it comes back. Stacks stay in the
// pool, as address space, but not their memory: of those that were free for a tenth of a second and are not among the
// last used it is given back, in slices that hold nobody up. With the last of them goes what was freed.

extension Loop {
  /// Free records of each kind, of 200 to 400 bytes, that stay with a loop.
  static var keptRecords: Int { 16_384 }
  /// Free chunks of arenas, of 4 KiB, that stay with a loop.
  static var keptChunks: Int { 1024 }
  /// Free stacks that keep their memory, mostly 4 KiB each.
  static var keptStacks: Int { 1024 }
  /// Nanoseconds that a stack is free before its memory goes back.
  fileprivate static var trimInterval: Int64 { 100_000_000 }
  /// Stacks whose memory goes back in one turn: less than 0.1 ms if they lie side by side, as a burst leaves them, and
  /// less than 1 ms however they lie.
  static var trimSlice: Int { 64 }
  /// Nanoseconds from one slice to the next.
  fileprivate static var trimPause: Int64 { 1_000_000 }
}

extension UnsafeMutablePointer<Loop> {
  /// Has memory given back some time after a burst.
  @inline(__always)
  func scheduleTrim() {
    guard cfiber_stack_pool_surplus(stackPool, Loop.keptStacks) > 0, !trimTimer.isArmed else { return }
    arm(trimTimer, at: pointee.now &+ Loop.trimInterval)
  }

  /// A job's record, uninitialised.
  @inline(__always)
  func takeJob() -> JobPointer { pointee.freeJobs.take() }

  /// Takes a job's record back for use again. It is in no list.
  @inline(__always)
  func recycle(_ job: JobPointer) {
    job.detach()
    pointee.freeJobs.give(back: job)
  }

  /// A scope's record, uninitialised.
  @inline(__always)
  func takeScope() -> ScopePointer { pointee.freeScopes.take() }

  /// Takes a scope's record back for use again.
  @inline(__always)
  func recycle(_ scope: ScopePointer) { pointee.freeScopes.give(back: scope) }

  /// A chunk of memory for an arena, uninitialised.
  func takeChunk() -> UnsafeMutablePointer<ArenaChunk> {
    pointee.freeChunks.take(size: ArenaChunk.headerSize + ArenaChunk.capacity)
  }

  func giveBack(_ chunk: UnsafeMutablePointer<ArenaChunk>) { pointee.freeChunks.give(back: chunk) }
}

/// Gives one slice back; the first of a row finds out which stacks may go.
let trimMemory: TimerFunction = { timer in
  let loop = timer.assumingMemoryBound(to: Timer.self).record(
    Loop.self, at: MemoryLayout<Loop>.offset(of: \.trimTimer)!)
  let pool = loop.stackPool
  if cfiber_stack_pool_idle(pool) == 0 { cfiber_stack_pool_note_idle(pool, Loop.keptStacks) }
  guard cfiber_stack_pool_idle(pool) > 0 else { return }
  cfiber_stack_pool_cool(pool, Loop.trimSlice)
  if cfiber_stack_pool_idle(pool) > 0 {
    loop.arm(loop.trimTimer, at: loop.pointee.now &+ Loop.trimPause)
  } else if cfiber_stack_pool_surplus(pool, Loop.keptStacks) == 0 {
    clinux_give_back_freed_memory()
  }
}
