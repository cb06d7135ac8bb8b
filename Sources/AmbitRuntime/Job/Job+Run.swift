internal import AmbitCore
internal import CFiber

// Turns: how a job gets its stack, runs, and ends.

extension UnsafeMutablePointer<Job> {
  /// Gives the job its turn. Called on the loop's own stack; returns when the job has been suspended or has ended.
  func takeTurn() {
    if pointee.fiber == nil {
      guard mayStart else { return end(neverRan: .cancelled) }
      guard startsOnStack || mayStartOnStack() else { return }
      guard prepareStack() else { return end(neverRan: .noMemory) }
    }
    resume()
  }

  /// Neither does the job run on a thread, nor may it have to wait for its first turn.
  @inline(__always)
  private var startsOnStack: Bool { pointee.traits.isDisjoint(with: .startsElsewhere) }

  /// Starts the job on a thread, if it runs there, or has it wait if it may not run now; false then.
  @inline(never)
  private func mayStartOnStack() -> Bool {
    if pointee.traits.contains(.isOnce), !beginOnce() { return false }
    guard pointee.traits.contains(.usesThread) else { return true }
    startOnThread()
    return false
  }

  /// Starts a job at once that is not in the ready queue, also one that has ended before. False if there is no memory
  /// for a stack.
  ///
  /// For jobs of the host, which the loop itself starts when something has arrived for them.
  public func startNow() -> Bool {
    pointee.state = .created
    guard prepareStack() else { return false }
    resume()
    return true
  }

  /// Whether the job, which has not begun, may begin.
  @inline(__always)
  private var mayStart: Bool { pointee.traits.contains(.startsAlways) || !isCancelled(in: pointee.scope) }

  /// The pool of the job's stack.
  @inline(__always)
  private var stackPool: UnsafeMutablePointer<cfiber_stack_pool> {
    pointee.coldState == nil ? pointee.kind.pointee.stacks : poolOfAskedSize
  }

  @inline(never)
  private var poolOfAskedSize: UnsafeMutablePointer<cfiber_stack_pool> {
    let size = pointee.coldState!.pointee.stackSize
    return size > 0 ? pointee.loop.pointee.largeStacks.pool(for: size) : pointee.kind.pointee.stacks
  }

  @inline(__always)
  private func prepareStack() -> Bool {
    let pool = stackPool
    if pool.pointee.free_count == 0 { pointee.loop.noteNewStack(in: pool) }
    guard let stack = cfiber_stack_acquire(pool) else { return false }
    pointee.fiber = cfiber_prepare_within(
      stack, pool.pointee.stack_size, MemoryLayout<JobStackState>.size, runFiber, self)
    stackState.initialize(to: JobStackState())
    return true
  }

  /// Gives the job, whose turn has come, a stack if it has none. False if the job does not run on a stack now: see
  /// `takeTurn`.
  @inline(__always)
  func hasStackForTurn() -> Bool { pointee.fiber != nil || canBegin() }

  @inline(never)
  private func canBegin() -> Bool { startsOnStack && mayStart && prepareStack() }

  /// Makes the job the one that runs. The caller switches to its fiber.
  @inline(__always)
  func begin() {
    let loop = pointee.loop
    pointee.state = .running
    loop.pointee.mark = pointee.scope.pointee.mark.with(pointee.markKind)
    loop.pointee.current = self
  }

  /// Runs the job, and the jobs that follow it without a detour over the loop, until one of these jobs switches back to
  /// the loop.
  @inline(__always)
  private func resume() {
    let loop = pointee.loop
    begin()
    cfiber_switch(loop.ownFiber, pointee.fiber!)
    while let call = loop.pointee.hookCall { loop.answer(call, of: loop.pointee.current!) }
    let last = loop.pointee.current.unsafelyUnwrapped
    loop.pointee.current = nil
    loop.pointee.mark = .none
    guard last.pointee.state == .ended else { return }
    last.releaseStack()
    last.pointee.kind.pointee.finish(last)
  }

  /// Gives the stack back. Nothing runs on it any more.
  @inline(__always)
  private func releaseStack() {
    if pointee.coldState == nil {
      let pool = pointee.kind.pointee.stacks
      cfiber_stack_release(pool, pointee.fiber!.pointee.stack_low!)
      pointee.loop.scheduleTrim(of: pool)
    } else {
      releaseStackOfAskedSize()
    }
    pointee.fiber = nil
  }

  @inline(never)
  private func releaseStackOfAskedSize() {
    let stack = pointee.fiber!.pointee.stack_low!
    let pool = poolOfAskedSize
    if pool == pointee.kind.pointee.stacks {
      cfiber_stack_release(pool, stack)
      pointee.loop.scheduleTrim(of: pool)
    } else {
      cfiber_stack_release_cold(pool, stack)
    }
  }

  /// Ends a job that never got a turn, or a ticker between two ticks.
  func end(neverRan status: Status) {
    if pointee.code == 0 { pointee.code = status.rawValue }
    pointee.outcome = pointee.code == Status.noMemory.rawValue ? .failed : .cancelled
    pointee.state = .ended
    pointee.kind.pointee.finish(self)
  }
}

// Handlers in Swift.

extension UnsafeMutablePointer<Job> {
  /// Runs `work`, a handler in Swift, as this job, which is running. `work` may wait.
  @inline(never)
  public func runWithThreadState(_ work: () -> Int32) -> Int32 {
    SwiftThreadState.clear()
    pointee.traits.insert(.takesThreadState)
    defer { pointee.traits.remove(.takesThreadState) }
    return work()
  }
}

// Handlers that need a larger stack than others. The job leaves its own stack while such a handler runs.

extension UnsafeMutablePointer<Job> {
  /// Runs `work` as this job, which is running, on a pooled stack of at least `size` bytes. Returns the result of
  /// `work`, or nil if there is no memory for such a stack, so that `work` has not run. `work` may wait.
  ///
  /// - Parameter size: At most `StackSize.largest`.
  @inline(never)
  public func runOnLargeStack(of size: Int, _ work: () -> Int32) -> Int32? {
    let loop = pointee.loop
    let pool = loop.pointee.largeStacks.pool(for: size)
    if pool.pointee.free_count == 0 { loop.noteNewStack(in: pool) }
    guard let stack = cfiber_stack_acquire(pool) else { return nil }
    defer { cfiber_stack_release_cold(pool, stack) }
    return withoutActuallyEscaping(work) { work in
      let home = pointee.fiber!
      var run = LargeStackRun(job: self, home: home, work: work)
      withUnsafeMutablePointer(to: &run) { run in
        let fiber = cfiber_prepare_within(
          stack, pool.pointee.stack_size, MemoryLayout<JobStackState>.size, enterLargeStack, run)
        pointee.fiber = fiber
        stackState.initialize(to: JobStackState())
        cfiber_switch(home, fiber)
        pointee.fiber = home
      }
      return run.code
    }
  }
}

/// Work that a job does on another stack than its own. The record lies on the job's own stack, which is that of `home`.
private struct LargeStackRun {
  let job: JobPointer
  let home: UnsafeMutablePointer<cfiber>
  let work: () -> Int32
  var code: Int32 = 0
}

private let enterLargeStack: @convention(c) (UnsafeMutableRawPointer?) -> Void = { argument in
  let run = argument!.assumingMemoryBound(to: LargeStackRun.self)
  run.pointee.code = run.pointee.work()
  cfiber_switch_last(run.pointee.job.pointee.fiber!, run.pointee.home)
}

/// What every fiber runs.
private let runFiber: @convention(c) (UnsafeMutableRawPointer?) -> Void = { argument in
  let job = argument!.assumingMemoryBound(to: Job.self)
  job.pointee.kind.pointee.body(job)
  job.pointee.state = .ended
  cfiber_switch_last(job.pointee.fiber!, job.pointee.loop.ownFiber)
}
