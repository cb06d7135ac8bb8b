internal import AmbitCore
internal import AmbitSystem

// Calls that run one at a time. A lane has at most one call among the pool's jobs or on its own thread. The other calls
// wait in the lane, where they do not count as jobs. One lock guards the pool and its lanes, so that a call is in one
// place at a time.

extension ThreadPool {
  /// What a lane does at the moment. From any thread.
  func report(on lane: SerialLane) -> SerialLaneReport {
    withLock { report(lane, at: Clock.monotonic) }
  }

  /// Lets the lane's own thread, if it has one, end when no call waits. No more calls may come. From any thread.
  func close(_ lane: SerialLane) {
    let idle: PoolThread? = withLock {
      lane.isClosed = true
      return lane.isThreadIdle ? lane.thread : nil
    }
    idle?.wakeup.notify()
  }

  /// Queues a call in its lane, with the result of `accept`. Under the lock.
  func queue(_ work: PoolWork, in lane: SerialLane) -> Result<PoolThread?, PoolError> {
    guard lane.waiting.count < limits.queue else {
      return .failure(.laneFull(library: lane.name, queue: limits.queue))
    }
    lane.waiting.append(work)
    if lane.running != nil {
      list(lane)
      return .success(nil)
    }
    // No call runs: the lane's own thread is idle, or has not been started yet.
    guard hasThread(lane) else {
      _ = lane.waiting.withdraw(work)
      return .failure(.noThread)
    }
    return .success(giveToOwnThread(lane))
  }

  /// The running call has returned or was withdrawn: gives the next call its turn. Returns a thread to be woken. Under
  /// the lock.
  func advance(_ lane: SerialLane) -> PoolThread? {
    noteReturn(in: lane)
    if lane.isOnOwnThread { return lane.waiting.count > 0 && hasThread(lane) ? giveToOwnThread(lane) : nil }
    guard let next = lane.waiting.popFirst() else { return nil }
    lane.running = next
    enqueue(next)
    return nil
  }

  /// Withdraws a call; false if a thread has taken it. From any thread; does not wait.
  func withdrawFromLane(_ work: PoolWork) -> Bool {
    let lane = work.lane!
    let (isWithdrawn, woken): (Bool, PoolThread?) = withLock {
      guard lane.running === work else { return (lane.waiting.withdraw(work), nil) }
      guard takeBack(work) else { return (false, nil) }
      let woken = advance(lane)
      return (true, woken ?? assignNext())
    }
    woken?.wakeup.notify()
    return isWithdrawn
  }

  /// The call on the lane's own thread has returned: waits for the next call; nil if the thread is to end. On that
  /// thread; `number` is the kernel's.
  func nextTask(for thread: PoolThread, of lane: SerialLane, number: Int32) -> PoolTask? {
    let (task, woken): (PoolTask?, PoolThread?) = withLock {
      thread.number = number
      if thread.task != nil { noteReturn(in: lane) }
      thread.task = nil
      // A reload of the configuration may have moved the library back to the pool.
      if !lane.isOnOwnThread, lane.running == nil, let next = lane.waiting.popFirst() {
        lane.running = next
        enqueue(next)
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

  /// Whether the lane is closed and its thread has no work: removes the thread then.
  private func isOver(_ thread: PoolThread, _ lane: SerialLane) -> Bool {
    withLock {
      guard lane.isClosed, thread.task == nil else { return false }
      laneThreads.removeAll { $0 === thread }
      lane.thread = nil
      lane.isThreadIdle = false
      return true
    }
  }

  /// Starts the lane's own thread if it has none; false if the system has no more threads.
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

  /// Gives the next call to the lane's thread if it is idle, and returns it to be woken. A thread that has just been
  /// started looks for its work itself.
  private func giveToOwnThread(_ lane: SerialLane) -> PoolThread? {
    guard lane.isThreadIdle, let thread = lane.thread else { return nil }
    take(for: thread, lane)
    return thread
  }

  private func take(for thread: PoolThread, _ lane: SerialLane) {
    guard let next = lane.waiting.popFirst() else { return }
    lane.running = next
    lane.isThreadIdle = false
    let now = Clock.monotonic
    thread.task = PoolTask(work: next, isJob: false, since: now)
    lane.noteBegin(at: now)
  }
}

// Reports of calls that do not return.

extension ThreadPool {
  /// How long a call may keep other calls of its library waiting before it is reported, in nanoseconds.
  fileprivate static var reportAfter: Int64 { 1_000_000_000 }
  /// Nanoseconds between two reports of the same call.
  private static var interval: Int64 { 60_000_000_000 }

  /// Lanes in which calls wait for one that has not returned for a second, each once and then once a minute; and lanes
  /// whose reported call has returned. For the watchdog.
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
        plugin: String(decoding: owner.plugin, as: UTF8.self), label: String(decoding: owner.label, as: UTF8.self),
        request: RequestID(number: owner.scope), age: now - since, thread: thread),
      waiting: lane.waiting.count)
  }
}

extension SerialLane {
  /// A thread starts the running call.
  func noteBegin(at now: Int64) {
    since = now
    reportDue = now + ThreadPool.reportAfter
  }
}
