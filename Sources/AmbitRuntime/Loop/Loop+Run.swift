internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

extension UnsafeMutablePointer<Loop> {
  /// So many items of the ready queue run between two looks at what the kernel has, or half of them if that is more: a
  /// cancellation of thousands of jobs does not keep other connections waiting, and a queue that is fed as fast as it
  /// can be does not grow without end.
  static var readyBatch: Int { 256 }
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
    if pointee.wheel.isUnsettled { pointee.wheel.settle(now: pointee.now) }
    pointee.pulse.beginTurn(at: pointee.now)
    pointee.turn &+= 1
    handle(events, count)
    if count == Self.eventBatch { handleMore(events) }
    if pointee.lookout.isWatching { collectMail(isAwaited: count == 0 && pointee.ready.isEmpty) }
    while let timer = pointee.wheel.popDue(now: pointee.now) { timer.pointee.fire(timer) }
    if !pointee.ready.isEmpty { runReady(max(Self.readyBatch, pointee.ready.count / 2)) }
  }

  @inline(__always)
  private func handle(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int32) {
    pointee.eventCount = count
    guard count >= 0 else { return noteFailedWait(-count) }
    let mostReady = pointee.ready.count &+ Self.eventBacklog
    for index in 0..<Int(count) {
      let watch = events[index].data.ptr!.assumingMemoryBound(to: IOWatch.self)
      watch.pointee.onEvents(watch, events[index].events)
      if pointee.ready.count > mostReady { runReady(Self.readyBatch) }
    }
  }

  /// The wait for events has failed with an error number. Interrupted it is repeated; anything else would fail again at
  /// once, for ever, and the loop could not serve: a plugin may have closed the loop's descriptor. So the host ends.
  @inline(never)
  private func noteFailedWait(_ code: Int32) {
    if code == EINTR { return }
    let error = SystemError(operation: "epoll_wait", code: code)
    let hint = code == EBADF || code == EINVAL ? "; does a plugin close descriptors that are not its own?" : ""
    Logger(label: "ambit").critical(
      "event loop \(pointee.index) cannot wait for events, the host ends: \(error)\(hint)")
    HostProcess.exit(EXIT_FAILURE)
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
    guard pointee.ready.isEmpty else { return 0 }
    if pointee.wheel.isUnsettled { settleTimers() }
    guard let due = pointee.wheel.nextDue else { return -1 }
    if due - pointee.now > 2_000_000_000 { return 1_000_000_000 }
    return max(due - Clock.monotonic, 0)
  }
}
