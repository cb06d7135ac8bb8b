internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

extension UnsafeMutablePointer<Loop> {
  /// How many ready items run in one turn, or half of the queue if that is more, and if it does not take longer than a
  /// slice: see `Loop.readySlice`. So a queue that is filled as fast as possible does not grow without end.
  static var readyBatch: Int { 256 }
  /// How many events one call of epoll_wait returns at most.
  private static var eventBatch: Int { 256 }
  /// After so many nanoseconds of event handling a turn takes no further batch of events.
  private static var eventTime: Int64 { 1_000_000 }
  /// How many ready items the events of a turn may add before they run, between two events. The hundred jobs of a
  /// request start and end before the next request is read, so that those jobs find their records and stacks in the
  /// processor's caches.
  private static var eventBacklog: Int { 64 }

  /// Runs turns until the loop is stopped, on the calling thread, which becomes the loop's thread.
  func run() {
    cfiber_set_loop(self)
    cfiber_adopt_thread(ownFiber)
    let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventBatch)
    defer { events.deallocate() }
    pointee.heartbeat.pointee.thread.store(cfiber_thread_number(), ordering: .relaxed)
    while !pointee.isStopping { takeTurn(events) }
    pointee.heartbeat.endTurn()
    cfiber_set_loop(nil)
  }

  /// One turn: events of the kernel, then timers, then ready items. In this order a wait that succeeds in the same turn
  /// as its timeout has succeeded.
  @inline(__always)
  private func takeTurn(_ events: UnsafeMutablePointer<epoll_event>) {
    pointee.heartbeat.endTurn()
    let count = awaitEvents(events)
    pointee.now = Clock.monotonic
    if pointee.wheel.isUnsettled { pointee.wheel.settle(now: pointee.now) }
    pointee.heartbeat.beginTurn(at: pointee.now)
    pointee.turn &+= 1
    handle(events, count)
    if count == Self.eventBatch { handleMore(events) }
    if pointee.busyPolling.isPolling { collectMail(isIdle: count == 0 && pointee.ready.isEmpty) }
    while let timer = pointee.wheel.popDue(now: pointee.now) { timer.pointee.fire(timer) }
    if !pointee.ready.isEmpty { runReadyOfTurn() }
  }

  @inline(__always)
  private func handle(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int32) {
    pointee.eventCount = count
    guard count >= 0 else { return noteFailedWait(-count) }
    var mostReady = pointee.ready.count &+ Self.eventBacklog
    for index in 0..<Int(count) {
      let watch = events[index].data.ptr!.assumingMemoryBound(to: IOWatch.self)
      watch.pointee.onEvents(watch, events[index].events)
      if pointee.ready.count > mostReady {
        runReady(Self.readyBatch)
        // What a large scope has left in the queue does not come between each two of the other events.
        mostReady = max(mostReady, pointee.ready.count &+ Self.eventBacklog)
      }
    }
  }

  /// The wait for events has failed with an error number. An interrupted wait is repeated. Any other error, as when a
  /// plugin has closed the loop's descriptor, would come again at once and for ever, so the process ends.
  @inline(never)
  private func noteFailedWait(_ code: Int32) {
    if code == EINTR { return }
    let error = SystemError(operation: "epoll_wait", code: code)
    let hint = code == EBADF || code == EINVAL ? "; does a plugin close descriptors that are not its own?" : ""
    Logger(label: "ambit").critical(
      "event loop \(pointee.index) cannot wait for events, so the \(HostProcess.name) ends: \(error)\(hint)")
    ClosedDescriptors.endHost()
  }

  /// The kernel has returned a full batch and may have more events, in order of arrival. Takes them as well, within
  /// `eventTime`, so that thousands of peers that leave do not keep others waiting.
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
    guard pointee.busyPolling.isPolling else { return clinux_epoll_wait(pointee.epoll, events, capacity, timeout) }
    return awaitEventsAndMail(events, capacity: capacity, timeout: timeout)
  }

  /// How long the loop may sleep, in nanoseconds: until the next timer, for ever (-1), or not at all (0).
  ///
  /// Most timers are those of idle connections, far in the future. For these the loop sleeps one second at a time and
  /// does not read the clock, which a busy loop would otherwise do in every turn.
  private var timeout: Int64 {
    guard pointee.ready.isEmpty else { return 0 }
    if pointee.wheel.isUnsettled { settleTimers() }
    guard let due = pointee.wheel.nextDue else { return -1 }
    if due - pointee.now > 2_000_000_000 { return 1_000_000_000 }
    return max(due - Clock.monotonic, 0)
  }
}
