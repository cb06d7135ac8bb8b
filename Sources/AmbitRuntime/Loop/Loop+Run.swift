internal import CFiber
internal import CLinux
internal import Glibc
internal import Synchronization

extension Loop {
  /// The first turn on a stack that was never used takes as long as so many others: the kernel makes its guard and its
  /// first page.
  static var turnsOfNewStack: Int { 16 }
}

extension UnsafeMutablePointer<Loop> {
  /// So many items of the ready queue run between two looks at what the kernel has, or half of them if that is more: a
  /// cancellation of thousands of jobs does not keep other connections waiting, and a queue that is fed as fast as it
  /// can be does not grow without end.
  private static var readyBatch: Int { 256 }
  private static var eventBatch: Int { 256 }
  /// When events have taken so many nanoseconds of a turn, no further batch of them is taken in it.
  private static var eventTime: Int64 { 1_000_000 }
  /// So many items may be left by the events of a turn before their turn comes: then they have it between two events. A
  /// request that spawns a hundred jobs and answers sees them start and end before the next request is read, and these
  /// find records and stacks in the processor's caches.
  private static var eventBacklog: Int { 64 }

  /// Turns until `stop`, on the calling thread, which is the loop's from then on.
  func run() {
    cfiber_set_loop(self)
    cfiber_adopt_thread(ownFiber)
    let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventBatch)
    defer { events.deallocate() }
    pointee.pulse.pointee.thread.store(cfiber_thread_number(), ordering: .relaxed)
    while !pointee.isStopping { takeTurn(events) }
    pointee.pulse.fallAsleep()
    cfiber_set_loop(nil)
  }

  /// One turn: what the kernel reports, then timers, then what is ready. In this order a wait that succeeds in the turn
  /// of its timeout has succeeded.
  @inline(__always)
  private func takeTurn(_ events: UnsafeMutablePointer<epoll_event>) {
    pointee.pulse.fallAsleep()
    let count = awaitEvents(events)
    pointee.now = Clock.monotonic
    pointee.pulse.beginTurn(at: pointee.now)
    pointee.turn &+= 1
    handle(events, count)
    if count == Self.eventBatch { handleMore(events) }
    if pointee.lookout.isWatching { collectMail(isAwaited: count == 0 && readyLink.isAlone) }
    while let timer = pointee.wheel.popDue(now: pointee.now) { timer.pointee.fire(timer) }
    if !readyLink.isAlone { runReady(max(Self.readyBatch, pointee.readyCount / 2)) }
    scheduleTrim()
  }

  @inline(__always)
  private func handle(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int32) {
    let mostReady = pointee.readyCount &+ Self.eventBacklog
    for index in 0..<max(Int(count), 0) {
      let watch = events[index].data.ptr!.assumingMemoryBound(to: IOWatch.self)
      watch.pointee.onEvents(watch, events[index].events)
      if pointee.readyCount > mostReady { runReady(Self.readyBatch) }
    }
  }

  /// The kernel has had a full batch, and may have more behind it, in the order in which they came: takes these too, as
  /// long as they cost little, so that thousands of clients that leave do not keep the others waiting.
  @inline(never)
  private func handleMore(_ events: UnsafeMutablePointer<epoll_event>) {
    let end = pointee.now &+ Self.eventTime
    var count: Int32
    repeat {
      count = clinux_epoll_wait(pointee.epoll, events, Int32(Self.eventBatch), 0)
      handle(events, count)
    } while count == Self.eventBatch && Clock.monotonic < end
  }

  @inline(__always)
  private func awaitEvents(_ events: UnsafeMutablePointer<epoll_event>) -> Int32 {
    let capacity = Int32(Self.eventBatch)
    guard pointee.lookout.isWatching else { return clinux_epoll_wait(pointee.epoll, events, capacity, patience) }
    return awaitEventsAndMail(events, capacity: capacity, patience: patience)
  }

  /// How long the loop may sleep, in nanoseconds: until the next timer, for ever (-1), or not at all.
  ///
  /// Most timers are the distant ones of idle connections. For these the loop sleeps a second at a time and does not
  /// read the clock again: a busy loop would do so in every turn.
  private var patience: Int64 {
    guard readyLink.isAlone else { return 0 }
    guard let due = pointee.wheel.nextDue else { return -1 }
    if due - pointee.now > 2_000_000_000 { return 1_000_000_000 }
    return max(due - Clock.monotonic, 0)
  }

  /// Puts an item into the queue of what has its turn next. It is in no list.
  @inline(__always)
  func enqueue(_ link: LinkPointer) {
    readyLink.append(link)
    pointee.readyCount &+= 1
  }

  /// Whether a job or the end of a scope waits for its turn.
  @inline(__always)
  public var hasReadyItems: Bool { !readyLink.isAlone }

  /// Gives at most `count` items of the ready queue their turn.
  private func runReady(_ count: Int) {
    pointee.turnsLeft = count
    while pointee.turnsLeft > 0, let link = readyLink.popFirst() {
      countTurn()
      let item = link.record(ReadyItem.self, at: 0)
      switch item.pointee.kind {
      case .job: JobPointer.of(ready: link).takeTurn()
      case .scopeEnd: link.record(Scope.self, at: MemoryLayout<Scope>.offset(of: \.ready)!).takeEndTurn()
      }
    }
    pointee.turnsLeft = 0
  }

  /// Runs `work` and puts what it has enqueued in front of all else that is ready, in the same order, if that is no more
  /// than a batch: nobody waits for it noticeably, and it finds its records in the processor's caches.
  @inline(__always)
  func enqueuingFirst(_ work: () -> Void) {
    let last = readyLink.pointee.previous
    let count = pointee.readyCount
    work()
    if last != readyLink, pointee.readyCount &- count <= Self.readyBatch { readyLink.rotate(after: last) }
  }

  /// Takes the job that is next in the ready queue, on its stack, for one that leaves the thread to hand it over; nil if
  /// the loop itself has to act: on something else than a job, on a job that gets no turn, or on what the kernel has.
  @inline(__always)
  func takeNextJob() -> JobPointer? {
    let link = readyLink.pointee.next
    guard pointee.turnsLeft > 0, link != readyLink, link.record(ReadyItem.self, at: 0).pointee.kind == .job else {
      return nil
    }
    let job = JobPointer.of(ready: link)
    guard job.hasStackForTurn() else { return nil }
    link.remove()
    countTurn()
    return job
  }

  @inline(__always)
  private func countTurn() {
    pointee.readyCount &-= 1
    pointee.turnsLeft &-= 1
    if pointee.readyCount > Self.crowd { prefetch() }
  }

  /// The records and stacks of so many jobs do not fit into the processor's first cache.
  private static var crowd: Int { 32 }

  /// Has the processor fetch what the turns after this one will need. The record comes two turns ahead, since it tells
  /// where the stack is.
  @inline(__always)
  private func prefetch() {
    let next = readyLink.pointee.next
    if next != readyLink, next.record(ReadyItem.self, at: 0).pointee.kind == .job {
      if let fiber = JobPointer.of(ready: next).pointee.fiber { cfiber_prefetch_within(fiber) }
    }
    cfiber_prefetch_record(next.pointee.next, MemoryLayout<Job>.size)
  }
}
