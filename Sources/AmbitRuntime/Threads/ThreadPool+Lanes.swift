internal import AmbitCore
internal import AmbitSystem

// Calls that run one at a time. A lane has at most one call among the pool's jobs or on its own thread; the others wait in
// the lane, where they count for no thread. One lock guards pool and lanes, so that a call is in one place at any time.

extension ThreadPool {
  /// What a lane does now. From any thread.
  func report(on lane: SerialLane) -> SerialLaneReport {
    withLock { report(lane, at: Clock.monotonic) }
  }

  /// Lets the lane's own thread end, if it has one, once nothing waits. No more calls come. From any thread.
  func close(_ lane: SerialLane) {
    let idle: PoolThread? = withLock {
      lane.isClosed = true
      return lane.isThreadIdle ? lane.thread : nil
    }
    idle?.wakeup.notify()
  }

  /// Has a call wait for its turn; as `accept`. Under the lock.
  func queue(_ work: PoolWork, in lane: SerialLane) -> PoolThread?? {
    guard lane.waiting.count < limits.queue else { return nil }
    lane.waiting.append(work)
    if lane.running != nil {
      list(lane)
      return .some(nil)
    }
    // Nobody's turn: this lane's own thread is idle, or is not there yet.
    guard hasThread(lane) else {
      _ = lane.waiting.withdraw(work)
      return nil
    }
    return .some(giveToOwnThread(lane))
  }

  /// The running call has returned, or was withdrawn: the next has its turn. Returns a thread to be woken. Under the lock.
  func advance(_ lane: SerialLane) -> PoolThread? {
    noteReturn(in: lane)
    if lane.isOnOwnThread { return lane.waiting.count > 0 && hasThread(lane) ? giveToOwnThread(lane) : nil }
    guard let next = lane.waiting.popFirst() else { return nil }
    lane.running = next
    jobs.append(next)
    return nil
  }

  /// Gives up a call; false if a thread has been given it. From any thread; does not wait.
  func withdrawFromLane(_ work: PoolWork) -> Bool {
    let lane = work.lane!
    let (isWithdrawn, woken): (Bool, PoolThread?) = withLock {
      guard lane.running === work else { return (lane.waiting.withdraw(work), nil) }
      guard jobs.withdraw(work) else { return (false, nil) }
      let woken = advance(lane)
      return (true, woken ?? assignNext())
    }
    woken?.wakeup.notify()
    return isWithdrawn
  }

  /// What the lane's own thread does next, after what it has done, as soon as there is something; nil: it ends. On that
  /// thread, of which `number` is the system's.
  func nextTask(for thread: PoolThread, of lane: SerialLane, number: Int32) -> PoolTask? {
    let (task, woken): (PoolTask?, PoolThread?) = withLock {
      thread.number = number
      if thread.task != nil { noteReturn(in: lane) }
      thread.task = nil
      // The configuration may have given the library back to the pool meanwhile.
      if !lane.isOnOwnThread, lane.running == nil, let next = lane.waiting.popFirst() {
        lane.running = next
        jobs.append(next)
        lane.isThreadIdle = true
        return (nil, assignNext())
      }
      lane.isThreadIdle = lane.running != nil || lane.waiting.count == 0
      if !lane.isThreadIdle { take(for: thread, lane) }
      return (thread.task, nil)
    }
    woken?.wakeup.notify()
    if let task { return task }
    if isOver(thread, lane) { return nil }
    thread.wakeup.wait()
    return isOver(thread, lane) ? nil : thread.task
  }

  /// Whether the lane's thread has nothing to do and never will.
  private func isOver(_ thread: PoolThread, _ lane: SerialLane) -> Bool {
    withLock {
      guard lane.isClosed, thread.task == nil else { return false }
      laneThreads.removeAll { $0 === thread }
      lane.thread = nil
      lane.isThreadIdle = false
      return true
    }
  }

  /// Whether the lane has a thread of its own, which is started if need be.
  private func hasThread(_ lane: SerialLane) -> Bool {
    guard lane.thread == nil else { return true }
    let thread = PoolThread(of: self, for: lane)
    do throws(SystemError) {
      try thread.start()
    } catch {
      shortage.note(error, threads: 0)
      return false
    }
    lane.thread = thread
    laneThreads.append(thread)
    return true
  }

  /// The lane's thread if it was idle, with its next call; one that has just been started looks by itself.
  private func giveToOwnThread(_ lane: SerialLane) -> PoolThread? {
    guard lane.isThreadIdle, let thread = lane.thread else { return nil }
    take(for: thread, lane)
    return thread
  }

  private func take(for thread: PoolThread, _ lane: SerialLane) {
    guard let next = lane.waiting.popFirst() else { return }
    lane.running = next
    lane.isThreadIdle = false
    thread.task = PoolTask(work: next, isJob: false)
    lane.noteBegin()
  }
}

// Calls that do not return.

extension ThreadPool {
  /// How long a call may hold its library while others wait before that is reported, in nanoseconds.
  private static var patience: Int64 { 1_000_000_000 }
  /// How often it is reported again.
  private static var interval: Int64 { 60_000_000_000 }

  /// The lanes in which calls wait for one that has not returned for a second, each once and then once a minute; and
  /// those so reported whose call has returned since. For the watchdog.
  func laneNews() -> (held: [SerialLaneReport], returned: [SerialLaneReport]) {
    withLock {
      let returned = returnedCalls
      returnedCalls = []
      guard !contendedLanes.isEmpty else { return ([], returned) }
      let now = Clock.monotonic
      var held: [SerialLaneReport] = []
      for lane in contendedLanes where lane.waiting.count > 0 && lane.reportDue <= now {
        lane.reportDue = now + Self.interval
        lane.isReported = true
        held.append(report(lane, at: now))
      }
      contendedLanes.removeAll { lane in
        guard lane.waiting.count == 0 else { return false }
        lane.isListed = false
        return true
      }
      return (held, returned)
    }
  }

  fileprivate func list(_ lane: SerialLane) {
    guard !lane.isListed else { return }
    lane.isListed = true
    contendedLanes.append(lane)
  }

  fileprivate func noteReturn(in lane: SerialLane) {
    if lane.isReported { returnedCalls.append(report(lane, at: Clock.monotonic)) }
    lane.isReported = false
    lane.running = nil
    lane.since = nil
    lane.reportDue = .max
  }

  fileprivate func report(_ lane: SerialLane, at now: Int64) -> SerialLaneReport {
    guard let running = lane.running, let since = lane.since, let owner = running.owner else {
      return SerialLaneReport(name: lane.name, running: nil, waiting: lane.waiting.count)
    }
    let thread = (threads + laneThreads).first { $0.task?.work === running }?.number
    return SerialLaneReport(
      name: lane.name,
      running: .init(
        plugin: String(decoding: owner.plugin, as: UTF8.self), route: String(decoding: owner.route, as: UTF8.self),
        scope: owner.scope, age: now - since, thread: thread),
      waiting: lane.waiting.count)
  }
}

extension SerialLane {
  /// A thread begins the running call.
  func noteBegin() {
    let now = Clock.monotonic
    since = now
    reportDue = now + 1_000_000_000
  }
}
