internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The slot's thread.

extension WorkerSlot {
  /// How long the answer of a worker that has ended may take to be read, in nanoseconds.
  private static var timeToAnswer: Int64 { 50_000_000 }
  /// How long a worker may take to begin, in nanoseconds.
  private static var timeToBegin: Int64 { 30_000_000_000 }

  func run() {
    var policy = RestartPolicy()
    var random = SystemRandomNumberGenerator()
    /// When the last worker ended, in monotonic nanoseconds; nil before.
    var ended: Int64?
    while deadline == nil {
      var meaning = WorkerProcess.MeaningOfEnd.crash
      if let worker = bringUpNext() {
        policy.serves(at: Clock.monotonic, window: crashWindow)
        if let ended {
          reportReturn(of: worker, since: ended)
          HostProcess.giveBackUnusedMemory()
        }
        guard let end = watch(worker) else { break }
        (ended, meaning) = (end.moment, end.meaning)
      } else {
        ended = ended ?? Clock.monotonic
      }
      if group.isStopping() || hasNeverServed { awaitStop() }
      guard deadline == nil else { break }
      var delay: Int64 = 0
      if takeCauseGone() {
        policy.crashedForGood()
      } else if meaning == .crash {
        delay = policy.crashed(at: Clock.monotonic, window: crashWindow, using: &random)
      } else {
        policy.ended(at: Clock.monotonic, window: crashWindow)
      }
      if meaning != .order { countCrash(recent: policy.recentCrashes) }
      enter(.crashed)
      wait(delay)
    }
    self.ended.arrive(endAll())
  }

  /// Starts a worker, and brings it to what the others serve.
  /// - Parameter predecessor: The worker that serves until this one does.
  /// - Returns: the reason if that fails. The reason is logged, and the process has ended.
  func bringUp(_ settings: WorkerSettings, after predecessor: WorkerProcess?) -> Result<WorkerProcess, HostError> {
    if predecessor == nil { enter(.starting) }
    do throws(HostError) {
      let worker = try begin(settings)
      do throws(HostError) {
        try group.join(worker, after: predecessor)
      } catch {
        let hasEnded = worker.isGone
        let end = endFailedStart(of: worker)
        guard hasEnded, let end else { throw error }
        throw HostError(error.lines + ["its process (pid \(worker.pid)) \(end.text)"])
      }
      enter(.serving, pid: worker.pid)
      noteFirstStart(nil)
      return .success(worker)
    } catch {
      noteFirstStart(error)
      if deadline == nil { logger.error("worker \(index) does not start: \(error)", metadata: fields) }
      return .failure(error)
    }
  }

  /// Only the first one that serves, or does not start, is waited for.
  private func noteFirstStart(_ error: HostError?) {
    if !firstStart.isOpen { firstStart.arrive(error) }
  }

  /// Starts the process of a worker, and its loops.
  private func begin(_ settings: WorkerSettings) throws(HostError) -> WorkerProcess {
    let id = makeID()
    let worker = try WorkerProcess(
      id, index: index, settings, children: children, isStopping: group.isStopping
    ) { event in
      self.put(.process(event, of: id))
    } onDisconnection: {
      self.put(.disconnected(id))
    }
    add(worker)
    if deadline != nil { worker.kill() }
    guard let begun = group.begin(worker, settings, within: Self.timeToBegin) else {
      let end = endFailedStart(of: worker)
      throw HostError(["its process \(end.map { $0.text } ?? "did not answer") before it served"])
    }
    if let error = begun.error {
      worker.kill()
      awaitEnd(of: worker)
      throw HostError(error.split(separator: "\n").map(String.init))
    }
    return worker
  }

  /// Ends a worker that was to serve, unless it has ended by itself, which is a death as any other.
  @discardableResult
  private func endFailedStart(of worker: WorkerProcess) -> ProcessEnd? {
    guard worker.isGone, deadline == nil else {
      worker.kill()
      return awaitEnd(of: worker)
    }
    var reason = otherProgram(of: worker).map(Self.becameOtherProgram)
    var end = reason == nil ? awaitEnd(of: worker, within: timeToEnd(of: worker)) : nil
    if end == nil {
      reason = reason ?? Self.lostConnection
      worker.kill()
      end = awaitEnd(of: worker)
    }
    if let end { note(Death(of: worker, end, because: reason)) }
    return end
  }

  /// Waits until a worker that is not watched yet has ended. Other events keep their order.
  /// - Parameter timeout: how long to wait, in nanoseconds.
  @discardableResult
  private func awaitEnd(of worker: WorkerProcess, within timeout: Int64 = 5_000_000_000) -> ProcessEnd? {
    var others: [Event] = []
    defer {
      remove(worker)
      group.hasEnded(worker)
      for event in others { put(event) }
    }
    let end = Clock.monotonic + timeout
    while let event = next(until: end) {
      switch event {
      case .process(.ended(let child), of: worker.id): return child.end
      case .process(_, of: worker.id), .disconnected(worker.id): break
      default: others.append(event)
      }
    }
    return nil
  }

  /// Whether the first worker has not started. Then whoever has made this place gives it up: the host does not start, or
  /// has no more workers than before.
  private var hasNeverServed: Bool { firstStart.arrived.first.map { $0 != nil } ?? false }

  /// Waits for `stop`, which is about to come.
  private func awaitStop() {
    while deadline == nil, let event = next(until: .max) { takeOfOthers(event) }
  }

  /// Waits until the delay of a crash is over, or until `retry`. Draining workers may end meanwhile.
  private func wait(_ nanoseconds: Int64) {
    let end = Clock.monotonic + nanoseconds
    while deadline == nil, !isReplacementPending, let event = next(until: end) {
      if case .retry = event { return }
      takeOfOthers(event)
    }
  }

  private var crashWindow: Int64 { settings.withLock { $0.crashWindow.wholeNanoseconds } }

  private var isReplacementPending: Bool { pending.withLock { $0 != nil } }

  /// Starts the next worker while none serves, with the values that a replacement has brought meanwhile. If it does not
  /// start, later ones are started with the values before.
  private func bringUpNext() -> WorkerProcess? {
    let replacement = pending.withLock { $0.take() }
    switch bringUp(replacement?.settings ?? settings.withLock { $0 }, after: nil) {
    case .success(let worker):
      if let replacement { settings.withLock { $0 = replacement.settings } }
      replacement?.done.arrive(nil)
      return worker
    case .failure(let error):
      replacement?.done.arrive(error)
      return nil
    }
  }

  /// Takes an event that does not concern the worker that serves.
  func takeOfOthers(_ event: Event) {
    if case .process(.killedOrphan(let process, let name, let parent), _) = event {
      return reportOrphan(process, name, ofWorker: parent)
    }
    if case .replace(let replacement) = event {
      // No worker serves: the next one tries the new values.
      pending.withLock { $0 = replacement }
      return
    }
    guard case .process(let event, let id) = event, let worker = workers.first(where: { $0.id == id }) else { return }
    switch event {
    case .ended(let child):
      remove(worker)
      group.hasEnded(worker)
      if worker.isHung, worker.isAborted || child.end == .exited(0) { return reportEnd(ofHung: worker, child.end) }
      guard child.end != .exited(0), !worker.isKilled else { return }
      var death = Death(of: worker, child.end)
      death.wasDraining = true
      // Another worker serves in its place.
      _ = group.faults.note(death)
    case .stopped, .continued, .trapped, .killedOrphan: break
    }
  }

  /// Waits until all workers of this place have ended, and ends those that have not by the deadline.
  /// - Returns: the labels of the generations that still ran in them.
  private func endAll() -> [String] {
    guard let deadline else { return [] }
    enter(.draining)
    let running = Latch<[String]>(expected: workers.count)
    for worker in workers {
      group.leave(worker)
      let drain = Duration.nanoseconds(max(deadline.drainEnd - Clock.monotonic, 0))
      let leaving = Leaving(drain: drain, cancelGrace: settings.withLock { $0.cancelGrace }, reason: reasonOfEnd)
      worker.leave(leaving, by: deadline.lastMoment) { running.arrive($0 ?? []) }
    }
    while !workers.isEmpty {
      // The deadline of the host may come before that of a place that was given up.
      guard let event = next(until: self.deadline!.killMoment) else { break }
      takeOfOthers(event)
    }
    for worker in workers {
      logger.warning("worker \(index) (pid \(worker.pid)) has not ended in time: it is killed", metadata: fields)
      worker.kill()
    }
    // Other threads read the answers, and come to it later, maybe.
    return (running.wait(timeout: Self.timeToAnswer) ?? running.arrived).flatMap { $0 }
  }
}
