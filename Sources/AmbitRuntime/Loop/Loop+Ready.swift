internal import AmbitSystem
internal import CFiber

// Runs the ready queue, and has the processor prefetch the records and stacks of later turns.

extension Loop {
  /// What the first turn on a new stack costs, in turns: the kernel has to make its guard and its first page.
  static var newStackCost: Int { 16 }
  /// From this length on the queue is deep: what is prefetched for a new item would leave the caches before its turn.
  fileprivate static var deepQueue: Int { 1024 }
  /// How many turns ahead a job's record, which tells where its stack is, is prefetched.
  fileprivate static var recordDistance: Int { 24 }
  /// How many turns ahead a job's stack is prefetched.
  fileprivate static var stackDistance: Int { 3 }
  /// How many yields share one reading of the clock.
  fileprivate static var yieldsPerClockReading: UInt32 { 8 }
  /// After so many nanoseconds a turn ends when a job yields.
  fileprivate static var longTurn: Int64 { 1_000_000 }
  /// How many ready items run between two readings of the clock.
  fileprivate static var turnsPerClockReading: Int { 64 }
  /// How long ready items run in one turn, in nanoseconds: the thousands of jobs of a large scope begin and end in
  /// slices, and other connections are served in between. Longer while the queue grows from turn to turn.
  static var readySlice: Int64 { 150_000 }
  /// The longest slice, in nanoseconds.
  fileprivate static var longestSlice: Int64 { 100_000_000 }
  /// A scope with more jobs is large: its further new jobs wait in the backlog.
  static var largeScope: UInt32 { 256 }
  /// How many stacks of a deep queue have their pages looked up at a time: the processor does several lookups at once,
  /// but stalls meanwhile.
  fileprivate static var pageBatch: Int { 8 }
}

extension UnsafeMutablePointer<Loop> {
  /// Whether a job is ready, or the end of a scope is due.
  @inline(__always)
  public var hasReadyItems: Bool { !pointee.ready.isEmpty }

  /// Whether the turn has other work than the event that is being handled.
  @inline(__always)
  public var hasMoreInTurn: Bool { pointee.eventCount > 1 || hasReadyItems }

  /// Queues the job for a turn. It is not in the queue.
  @inline(__always)
  func enqueue(_ job: JobPointer) {
    if pointee.ready.count < Loop.deepQueue, let fiber = job.pointee.fiber { cfiber_prefetch_record(fiber, 1) }
    requeue(job)
  }

  /// Queues the running job again.
  @inline(__always)
  func requeue(_ job: JobPointer) {
    pointee.ready.append(ReadyItem(job, isInDeepQueue: pointee.ready.count >= Loop.deepQueue))
  }

  /// Prefetches the stacks of the jobs in a list of at most `count` waiters that are about to be queued. Most have
  /// slept for long; fetched in a row, the pages of several are looked up at once.
  @inline(__always)
  func expectTurns(of count: UInt32, in waiters: LinkPointer) {
    guard count > 1, count < Loop.deepQueue else { return }
    waiters.forEach { link in
      if let fiber = JobPointer.of(waiter: link).pointee.fiber { cfiber_prefetch_within(fiber) }
    }
  }

  /// Queues the end of the scope, behind all that is ready now: its jobs may be in the backlog.
  @inline(__always)
  func enqueue(endOf scope: ScopePointer) {
    if pointee.backlog.isEmpty {
      pointee.ready.append(ReadyItem(endOf: scope))
    } else {
      pointee.backlog.append(ReadyItem(endOf: scope))
    }
  }

  /// Queues a new job of a large scope for its first turn. Jobs of a scope begin in the order in which they were
  /// spawned.
  @inline(never)
  func enqueueInBacklog(_ job: JobPointer) {
    if pointee.backlog.isEmpty, pointee.ready.count <= Loop.turnsPerClockReading { return enqueue(job) }
    job.pointee.scope.pointee.backlogCount += 1
    job.pointee.scope.pointee.mostReadyJobs = 0
    pointee.backlog.append(ReadyItem(job, isInDeepQueue: false))
    // The ready queue has enough items for the next turn, which then takes others from the backlog.
    pointee.turnsLeft = 0
  }

  /// Moves items from the backlog to the ready queue, until it has one more than run between two readings of the clock.
  /// So the ready queue does not become empty before the backlog.
  @inline(never)
  private func takeFromBacklog() {
    while pointee.ready.count <= Loop.turnsPerClockReading, !pointee.backlog.isEmpty {
      let item = pointee.backlog[0]
      pointee.backlog.removeFirst()
      pointee.ready.append(item)
      guard let scope = item.job?.pointee.scope else { continue }
      scope.pointee.backlogCount -= 1
      if scope.pointee.backlogCount == 0 { scope.pointee.mostReadyJobs = Loop.largeScope }
    }
  }

  /// Runs `work` and moves the items that it has queued to the front of the queue, in order, if they are no more than a
  /// batch. Others hardly wait longer, and these items find their records in the processor's caches.
  @inline(__always)
  func enqueuingFirst(_ work: () -> Void) {
    let before = pointee.ready.count
    work()
    let added = pointee.ready.count &- before
    if added <= Self.readyBatch { pointee.ready.moveLastToFront(added) }
  }

  /// Runs the ready items of a turn. If there are many, in a slice of the time.
  @inline(__always)
  func runReadyOfTurn() {
    if pointee.ready.count <= Loop.turnsPerClockReading {
      pointee.readyBefore = 0
      runFew(Self.readyBatch)
    } else {
      runReady(max(Self.readyBatch, noteDeepQueue() / 2))
    }
  }

  /// Each turn in which the queue has grown since the last one doubles the slice, so that a queue that is filled as
  /// fast as possible does not grow without end; each other turn halves it.
  /// - Returns: how long the queue is, with the backlog.
  @inline(never)
  private func noteDeepQueue() -> Int {
    let count = pointee.ready.count &+ pointee.backlog.count
    let hasGrown = count > pointee.readyBefore && pointee.readyBefore > 0
    pointee.readySlice =
      hasGrown ? min(pointee.readySlice * 2, Loop.longestSlice) : max(pointee.readySlice / 2, Loop.readySlice)
    pointee.readyBefore = count
    return count
  }

  /// Runs at most `count` ready items, and ends when a slice of the time is over.
  @inline(never)
  func runReady(_ count: Int) {
    pointee.sliceEnd = Clock.monotonic &+ pointee.readySlice
    var left = count
    repeat {
      runFew(min(left, Loop.turnsPerClockReading))
      left &-= Loop.turnsPerClockReading
      if !pointee.backlog.isEmpty { takeFromBacklog() }
    } while left > 0 && !pointee.ready.isEmpty && Clock.monotonic < pointee.sliceEnd
  }

  /// Runs at most `count` ready items.
  private func runFew(_ count: Int) {
    pointee.turnsLeft = count
    while pointee.turnsLeft > 0, !pointee.ready.isEmpty {
      let item = pointee.ready[0]
      countTurn()
      if let job = item.job { job.takeTurn() } else { item.endingScope!.takeEndTurn() }
    }
    pointee.turnsLeft = 0
  }

  /// A job yields. Once in several yields, ends the turn if it has taken long, so that the loop takes new events and
  /// fires timers: the steps between yields may compute for long, and a batch has hundreds.
  @inline(__always)
  func endLongTurn() {
    pointee.yieldCount &+= 1
    if pointee.yieldCount % Loop.yieldsPerClockReading == 0 { endTurnIfLong() }
  }

  @inline(never)
  private func endTurnIfLong() {
    guard Clock.monotonic - pointee.now > Loop.longTurn else { return }
    pointee.turnsLeft = 0
    pointee.sliceEnd = 0
  }

  /// Takes the next ready job, which has a stack, so that the running job can switch to it directly; nil if the loop
  /// has to act first: the next item is no job or gets no turn, or the turn is over.
  @inline(__always)
  func takeNextJob() -> JobPointer? {
    guard pointee.turnsLeft > 0, !pointee.ready.isEmpty, let job = pointee.ready[0].job, job.hasStackForTurn() else {
      return nil
    }
    countTurn()
    return job
  }

  /// Takes the first item out of the queue.
  @inline(__always)
  private func countTurn() {
    pointee.ready.removeFirst()
    pointee.turnsLeft &-= 1
    if pointee.ready.count > Loop.recordDistance { prefetch() }
  }

  /// Prefetches what the next turns need: turns are shorter than the latency of memory.
  @inline(__always)
  private func prefetch() {
    let next = pointee.ready[Loop.stackDistance]
    if let fiber = next.job?.pointee.fiber { cfiber_prefetch_within(fiber) }
    if next.isInDeepQueue, pointee.turnsLeft % Loop.pageBatch == 0 { prefetchPages() }
    pointee.ready[Loop.recordDistance].prefetch(MemoryLayout<Job>.size)
  }

  @inline(never)
  private func prefetchPages() {
    for distance in Loop.pageBatch..<2 * Loop.pageBatch {
      if let fiber = pointee.ready[distance].job?.pointee.fiber { cfiber_prefetch_record(fiber, 1) }
    }
  }
}
