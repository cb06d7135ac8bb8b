internal import CFiber

// What a loop keeps for reuse, and what goes back to the system.
//
// All that a burst needed stays with the loop at first: the next burst may be as large. What was free for a tenth of a
// second goes back to the system, except for some of each kind, in slices that hold nobody up: of stacks their memory,
// while their address space stays in the pool for some seconds more (see Loop+Stacks.swift), of records all.

extension Loop {
  /// Free records of each kind, of 200 to 400 bytes, that stay with a loop.
  static var keptRecords: Int { 16_384 }
  /// Free chunks of arenas, of 4 KiB, that stay with a loop.
  static var keptChunks: Int { 1024 }
  /// Free stacks that keep their memory, mostly 4 KiB each.
  static var keptStacks: Int { 1024 }
  /// Nanoseconds that something is free before it goes back.
  fileprivate static var trimInterval: Int64 { 100_000_000 }
  /// Stacks, or chunks, whose memory goes back in one turn: less than 0.1 ms if they lie side by side, as a burst leaves
  /// them, and less than 1 ms however they lie.
  static var trimSlice: Int { 64 }
  /// Records of each kind that are freed in one turn, in some 0.2 ms.
  static var recordSlice: Int { 4096 }
  /// Nanoseconds from one slice to the next.
  fileprivate static var trimPause: Int64 { 1_000_000 }
}

extension UnsafeMutablePointer<Loop> {
  /// A stack has come back to `pool`: has memory given back some time after a burst of jobs.
  @inline(__always)
  func scheduleTrim(of pool: UnsafeMutablePointer<cfiber_stack_pool>) {
    if pool.pointee.free_count > pool.pointee.cold_count &+ Loop.keptStacks { expectTrim() }
  }

  private var hasSurplusStacks: Bool {
    cfiber_stack_pool_surplus(stackPool, Loop.keptStacks) > 0
      || cfiber_stack_pool_surplus(handlerStacks, Loop.keptStacks) > 0
  }

  /// Has memory given back some time from now.
  @inline(never)
  func expectTrim() {
    if !trimTimer.isArmed { arm(trimTimer, at: pointee.now &+ Loop.trimInterval) }
  }

  /// A job's record, uninitialised.
  @inline(__always)
  func takeJob() -> JobPointer { pointee.freeJobs.take() }

  /// Takes a job's record back for use again. It is in no list.
  @inline(__always)
  func recycle(_ job: JobPointer) {
    job.releaseColdState()
    if pointee.freeJobs.give(back: job) { expectTrim() }
  }

  /// A scope's record, uninitialised.
  @inline(__always)
  func takeScope() -> ScopePointer { pointee.freeScopes.take() }

  /// Takes a scope's record back for use again.
  @inline(__always)
  func recycle(_ scope: ScopePointer) {
    if pointee.freeScopes.give(back: scope) { expectTrim() }
  }

  /// A chunk of memory for an arena, uninitialised.
  func takeChunk() -> UnsafeMutablePointer<ArenaChunk> {
    pointee.freeChunks.take(size: ArenaChunk.headerSize + ArenaChunk.capacity)
  }

  func giveBack(_ chunk: UnsafeMutablePointer<ArenaChunk>) {
    if pointee.freeChunks.give(back: chunk) { expectTrim() }
  }

  func giveBack(_ coldState: UnsafeMutablePointer<JobColdState>) {
    if pointee.freeJobColdStates.give(back: coldState) { expectTrim() }
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Whether something is left to go back that was found to be idle.
  fileprivate var hasIdleMemory: Bool {
    cfiber_stack_pool_idle(stackPool) > 0 || cfiber_stack_pool_idle(handlerStacks) > 0 || idleRecords > 0
  }

  private var idleRecords: Int {
    pointee.freeJobs.idleCount + pointee.freeJobColdStates.idleCount + pointee.freeScopes.idleCount
      + pointee.freeChunks.idleCount
  }

  /// Whether there is more free than is kept, idle or not.
  fileprivate var hasSurplus: Bool {
    hasSurplusStacks || pointee.freeJobs.surplus > 0 || pointee.freeJobColdStates.surplus > 0
      || pointee.freeScopes.surplus > 0 || pointee.freeChunks.surplus > 0
  }

  fileprivate func noteIdleMemory() {
    cfiber_stack_pool_note_idle(stackPool, Loop.keptStacks)
    cfiber_stack_pool_note_idle(handlerStacks, Loop.keptStacks)
    pointee.freeJobs.noteIdle()
    pointee.freeJobColdStates.noteIdle()
    pointee.freeScopes.noteIdle()
    pointee.freeChunks.noteIdle()
  }

  /// Gives a slice of what is idle back.
  fileprivate func giveSliceBack() {
    cfiber_stack_pool_cool(stackPool, Loop.trimSlice)
    cfiber_stack_pool_cool(handlerStacks, Loop.trimSlice)
    guard idleRecords > 0 else { return }
    pointee.freeJobs.freeIdle(most: Loop.recordSlice)
    pointee.freeJobColdStates.freeIdle(most: Loop.recordSlice)
    pointee.freeScopes.freeIdle(most: Loop.recordSlice)
    pointee.freeChunks.freeIdle(most: Loop.trimSlice)
    pointee.ready.giveRoomBack()
    noteFreedMemory()
  }
}

/// Gives one slice back; the first of a row finds out what is idle.
let trimMemory: TimerFunction = { timer in
  let loop = timer.assumingMemoryBound(to: Timer.self).record(
    Loop.self, at: MemoryLayout<Loop>.offset(of: \.trimTimer)!)
  if !loop.hasIdleMemory { loop.noteIdleMemory() }
  loop.giveSliceBack()
  if loop.hasIdleMemory {
    loop.arm(loop.trimTimer, at: loop.pointee.now &+ Loop.trimPause)
  } else if loop.hasSurplus {
    loop.expectTrim()
  }
}
