internal import CFiber

// Memory that a loop keeps for reuse, and when it goes back to the system.
//
// The memory of a burst stays with the loop at first, since the next burst may be as large. What was free for a
// second to two goes back to the system, except for a number of each kind, in slices that block nobody. Records go back
// whole. Stacks give back their memory; their address space stays in the pool for some seconds more (see
// Loop+Stacks.swift).

extension Loop {
  /// How many free records of each kind, 200 to 400 bytes each, stay with a loop.
  static var keptRecords: Int { 16_384 }
  /// How many free chunks of arenas, 4 KiB each, stay with a loop.
  static var keptChunks: Int { 1024 }
  /// How many free stacks keep their memory, mostly 4 KiB each.
  static var keptStacks: Int { 1024 }
  /// Memory goes back when it was free for this long to twice as long, in nanoseconds. A large scope that comes once in
  /// a second finds its stacks with their memory: to touch it anew takes five times as long as to begin the jobs.
  fileprivate static var trimInterval: Int64 { 1_000_000_000 }
  /// How many stacks, or chunks, give their memory back in one turn. That takes less than 0.1 ms if they lie side by
  /// side, as after a burst, and less than 1 ms in any case.
  static var trimSlice: Int { 64 }
  /// How many records of each kind are freed in one turn, in some 0.2 ms.
  static var recordSlice: Int { 4096 }
  /// Nanoseconds from one slice to the next.
  fileprivate static var trimPause: Int64 { 1_000_000 }
}

extension UnsafeMutablePointer<Loop> {
  /// A stack has come back to `pool`. If many are free now, schedules a trim.
  @inline(__always)
  func scheduleTrim(of pool: UnsafeMutablePointer<cfiber_stack_pool>) {
    if pool.pointee.free_count > pool.pointee.cold_count &+ Loop.keptStacks { expectTrim() }
  }

  private var hasSurplusStacks: Bool {
    cfiber_stack_pool_surplus(stackPool, Loop.keptStacks) > 0
      || cfiber_stack_pool_surplus(handlerStacks, Loop.keptStacks) > 0
  }

  /// Schedules a trim, unless one is scheduled.
  @inline(never)
  func expectTrim() {
    if !trimTimer.isArmed { arm(trimTimer, at: pointee.now &+ Loop.trimInterval) }
  }

  /// A job's record, uninitialised.
  @inline(__always)
  func takeJob() -> JobPointer { pointee.freeJobs.take() }

  /// Takes back a job's record, which is in no list.
  @inline(__always)
  func recycle(_ job: JobPointer) {
    job.releaseColdState()
    if pointee.freeJobs.give(back: job) { expectTrim() }
  }

  /// A scope's record, uninitialised.
  @inline(__always)
  func takeScope() -> ScopePointer { pointee.freeScopes.take() }

  /// Takes back a scope's record.
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
  /// Whether idle memory is left to go back.
  fileprivate var hasIdleMemory: Bool {
    cfiber_stack_pool_idle(stackPool) > 0 || cfiber_stack_pool_idle(handlerStacks) > 0 || idleRecords > 0
  }

  private var idleRecords: Int {
    pointee.freeJobs.idleCount + pointee.freeJobColdStates.idleCount + pointee.freeScopes.idleCount
      + pointee.freeChunks.idleCount
  }

  /// Whether more is free than the loop keeps, idle or not.
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

  /// Gives one slice of idle memory back.
  fileprivate func giveSliceBack() {
    cfiber_stack_pool_cool(stackPool, Loop.trimSlice)
    cfiber_stack_pool_cool(handlerStacks, Loop.trimSlice)
    guard idleRecords > 0 else { return }
    pointee.freeJobs.freeIdle(most: Loop.recordSlice)
    pointee.freeJobColdStates.freeIdle(most: Loop.recordSlice)
    pointee.freeScopes.freeIdle(most: Loop.recordSlice)
    pointee.freeChunks.freeIdle(most: Loop.trimSlice)
    pointee.ready.shrink()
    pointee.backlog.shrink()
    noteFreedMemory()
  }
}

/// Gives one slice back. The first slice of a series finds out what is idle.
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
