internal import AmbitSystem
internal import CFiber

// The ready queue at work: who has the next turn, and what the processor is told of it beforehand.

extension Loop {
  /// The first turn on a stack that was never used takes as long as so many others: the kernel makes its guard and its
  /// first page.
  static var turnsOfNewStack: Int { 16 }
  /// Behind so many items a job waits so long for its turn that what the processor fetched for it would be gone again.
  fileprivate static var crowd: Int { 1024 }
  /// So many turns before its own a job's record is fetched, which tells where its stack is; and so many, its stack.
  fileprivate static var recordDistance: Int { 24 }
  fileprivate static var stackDistance: Int { 3 }
  /// So many steps between two yields share one reading of the clock.
  fileprivate static var yieldsPerClockReading: UInt32 { 8 }
  /// A turn that has taken so many nanoseconds is to end when a job yields.
  fileprivate static var longTurn: Int64 { 1_000_000 }
  /// The pages of so many stacks of a crowd are looked up at a time: the processor looks up several at once, but does
  /// not go on meanwhile.
  fileprivate static var pageBatch: Int { 8 }
}

extension UnsafeMutablePointer<Loop> {
  /// Whether a job or the end of a scope waits for its turn.
  @inline(__always)
  public var hasReadyItems: Bool { !pointee.ready.isEmpty }

  /// Whether the turn has more to do than the event that is being handled.
  @inline(__always)
  public var hasMoreInTurn: Bool { pointee.eventCount > 1 || hasReadyItems }

  /// Gives the job a turn, after all that is ready now. It has none to come.
  @inline(__always)
  func enqueue(_ job: JobPointer) {
    if pointee.ready.count < Loop.crowd, let fiber = job.pointee.fiber { cfiber_prefetch_record(fiber, 1) }
    requeue(job)
  }

  /// The same for the running job.
  @inline(__always)
  func requeue(_ job: JobPointer) {
    pointee.ready.append(ReadyItem(job, isInCrowd: pointee.ready.count >= Loop.crowd))
  }

  /// Has the processor fetch the stacks of the jobs in a list of waiters, `count` or less, that are all about to be
  /// queued. They have mostly slept for long; in a row it looks up the pages of several at once.
  @inline(__always)
  func expectTurns(of count: UInt32, in waiters: LinkPointer) {
    guard count > 1, count < Loop.crowd else { return }
    waiters.forEach { link in
      if let fiber = JobPointer.of(waiter: link).pointee.fiber { cfiber_prefetch_within(fiber) }
    }
  }

  /// Gives the end of the scope a turn, after all that is ready now.
  @inline(__always)
  func enqueue(endOf scope: ScopePointer) { pointee.ready.append(ReadyItem(endOf: scope)) }

  /// Runs `work` and puts what it has enqueued in front of all else that is ready, in the same order, if that is no more
  /// than a batch: nobody waits for it noticeably, and it finds its records in the processor's caches.
  @inline(__always)
  func enqueuingFirst(_ work: () -> Void) {
    let before = pointee.ready.count
    work()
    let added = pointee.ready.count &- before
    if added <= Self.readyBatch { pointee.ready.moveLastToFront(added) }
  }

  /// Gives at most `count` items of the ready queue their turn.
  func runReady(_ count: Int) {
    pointee.turnsLeft = count
    while pointee.turnsLeft > 0, !pointee.ready.isEmpty {
      let item = pointee.ready[0]
      countTurn()
      if let job = item.job { job.takeTurn() } else { item.endingScope!.takeEndTurn() }
    }
    pointee.turnsLeft = 0
  }

  /// A job yields: after every few of such steps, has the loop look at what the kernel has and at the time if this turn
  /// has taken long. Steps may compute as long as they like, and a batch of them has hundreds.
  @inline(__always)
  func endLongTurn() {
    pointee.yieldCount &+= 1
    if pointee.yieldCount % Loop.yieldsPerClockReading == 0 { endTurnIfLong() }
  }

  @inline(never)
  private func endTurnIfLong() {
    if Clock.monotonic - pointee.now > Loop.longTurn { pointee.turnsLeft = 0 }
  }

  /// Takes the job that is next in the ready queue, on its stack, for one that leaves the thread to hand it over; nil
  /// if the loop itself has to act: on something else than a job, on a job that gets no turn, or on what the kernel
  /// has.
  @inline(__always)
  func takeNextJob() -> JobPointer? {
    guard pointee.turnsLeft > 0, !pointee.ready.isEmpty, let job = pointee.ready[0].job, job.hasStackForTurn() else {
      return nil
    }
    countTurn()
    return job
  }

  /// The turn of the first item has come.
  @inline(__always)
  private func countTurn() {
    pointee.ready.removeFirst()
    pointee.turnsLeft &-= 1
    if pointee.ready.count > Loop.recordDistance { prefetch() }
  }

  /// Has the processor fetch what the turns after this one will need: they come faster than memory answers.
  @inline(__always)
  private func prefetch() {
    let next = pointee.ready[Loop.stackDistance]
    if let fiber = next.job?.pointee.fiber { cfiber_prefetch_within(fiber) }
    if next.isInCrowd, pointee.turnsLeft % Loop.pageBatch == 0 { prefetchPages() }
    pointee.ready[Loop.recordDistance].prefetch(MemoryLayout<Job>.size)
  }

  @inline(never)
  private func prefetchPages() {
    for distance in Loop.pageBatch..<2 * Loop.pageBatch {
      if let fiber = pointee.ready[distance].job?.pointee.fiber { cfiber_prefetch_record(fiber, 1) }
    }
  }
}
