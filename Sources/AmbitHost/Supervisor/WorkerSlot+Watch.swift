internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// While a worker serves: what happens to it, whether its loops turn, and who takes its place.

extension WorkerSlot {
  /// How long a process may live on that has closed its connection, in nanoseconds.
  private static var timeToDisconnect: Int64 { 300_000_000 }
  /// Why such a process is ended, as a predicate.
  static var lostConnection: String { "has lost its connection to the supervisor" }
  /// How long a process that was told to report what it does may take to end, in nanoseconds.
  static var timeToAbort: Int64 { 2_000_000_000 }
  /// How long a process that was killed may take to end, in nanoseconds. One that reads from a dead disk may never end.
  private static var timeToKill: Int64 { 5_000_000_000 }

  /// The end of a worker that served.
  struct End {
    /// In monotonic nanoseconds.
    let moment: Int64
    let meaning: WorkerProcess.MeaningOfEnd
  }

  /// Watches a worker that serves until it ends, and replaces it by others if that is wanted.
  /// - Returns: the end of the last one; nil if the host stops.
  func watch(_ first: WorkerProcess) -> End? {
    var worker = first
    var heartbeat = makeHeartbeat(of: first)
    watching: while deadline == nil {
      switch next(until: heartbeat.next) {
      case nil:
        heartbeat.limit(by: settings.withLock { $0.hangLimit })
        let hang = heartbeat.ask(worker, group.liveness)
        note(heartbeat.tracer, of: worker)
        if let hang, let end = take(hang, of: worker, heartbeat) { return end }
        if WorkerHandle.process(worker).forgetUnmappedCopies() { group.removeUnusedCopies() }
      case .stop: break watching
      case .replace(let replacement):
        worker = replace(worker, replacement, &heartbeat)
      case .disconnected(worker.id): return end(afterDisconnection: worker)
      case .process(.ended(let child), of: worker.id): return noteEnd(of: worker, child.end)
      case .process(let event, of: worker.id): report(event, worker)
      case let event?: takeOfOthers(event)
      }
    }
    seeOff(worker, heartbeat)
    return nil
  }

  private func makeHeartbeat(of worker: WorkerProcess) -> Heartbeat {
    Heartbeat(ofLoops: worker.settings.loops, hangLimit: settings.withLock { $0.hangLimit })
  }

  /// Starts another worker, lets it serve, and has the old one finish its requests.
  /// - Parameter heartbeat: that of the worker that serves, before and after.
  /// - Returns: the worker that serves: the old one if the other does not start.
  private func replace(
    _ old: WorkerProcess, _ replacement: Replacement, _ heartbeat: inout Heartbeat
  ) -> WorkerProcess {
    let settings = replacement.settings
    let isOutdated = replacement.version.map { old.firstVersion.load(ordering: .relaxed) < $0 } ?? false
    guard isOutdated || !settings.isLike(old.settings) else {
      replacement.done.arrive(nil)
      return old
    }
    logger.notice("worker \(index) is replaced, because \(replacement.reason)", metadata: fields(old))
    let began = Clock.monotonic
    do throws(HostError) {
      let new = try bringUp(settings, after: old).get()
      self.settings.withLock { $0 = settings }
      logger.notice("worker \(index) serves", metadata: fields(new, since: began))
      seeOff(old, heartbeat)
      heartbeat = makeHeartbeat(of: new)
      replacement.done.arrive(nil)
      return new
    } catch {
      logger.error("worker \(index) (pid \(old.pid)) serves on as it was", metadata: fields(old))
      replacement.done.arrive(error)
      return old
    }
  }

  /// The program that the process of a worker, which has closed its connection, has become; nil if it is a worker still.
  /// execve(2) closes the connection when the process is another program already.
  func otherProgram(of worker: WorkerProcess) -> String? {
    guard let program = ProcessTimes.program(of: worker.pid), let own = ProcessTimes.program(of: HostProcess.identifier)
    else { return nil }
    return program == own ? nil : program
  }

  /// The reason for the end of a worker that has called execve(2).
  static func becameOtherProgram(_ program: String) -> String { "has become another program, \(program)" }

  /// How long to wait for the end of a process that has closed its connection, in nanoseconds. One that has no program
  /// any more is ending, however long a busy machine takes for that: its own end is to be reported.
  func timeToEnd(of worker: WorkerProcess) -> Int64 {
    ProcessTimes.program(of: worker.pid) == nil ? Self.timeToKill : Self.timeToDisconnect
  }

  /// A process that has closed its connection ends within a moment, or it is ended.
  private func end(afterDisconnection worker: WorkerProcess) -> End {
    if let program = otherProgram(of: worker) {
      worker.kill()
      return end(worker, because: Self.becameOtherProgram(program))
    }
    let end = Clock.monotonic + timeToEnd(of: worker)
    while let event = next(until: end) {
      if case .process(.ended(let child), of: worker.id) = event { return noteEnd(of: worker, child.end) }
      if case .process(.trapped(let signal), of: worker.id) = event { report(.trapped(signal: signal), worker) }
      takeOfOthers(event)
    }
    return self.end(worker, because: Self.lostConnection)
  }

  /// Ends a worker that is of no use any more, and waits for its end, which the log reports with the reason.
  /// - Parameters:
  ///   - hang: its event loops that hang; nil if it is ended for another reason.
  ///   - loops: what blocks them; nil if the worker has not said so.
  func end(
    _ worker: WorkerProcess, because reason: String, _ hang: Heartbeat.Hang? = nil, _ loops: [HungLoop]? = nil
  ) -> End {
    worker.abort()
    var (end, isKilled) = (Clock.monotonic + Self.timeToAbort, false)
    while true {
      guard let event = next(until: end) else {
        if isKilled {
          let line = "worker \(index) (pid \(worker.pid)) has not ended after SIGKILL: it is not waited for any more"
          logger.error("\(line)", metadata: fields(worker))
          return noteEnd(of: worker, .signalled(9), because: reason, hang, loops)
        }
        worker.kill()
        (end, isKilled) = (Clock.monotonic + Self.timeToKill, true)
        continue
      }
      if case .process(.ended(let child), of: worker.id) = event {
        return noteEnd(of: worker, child.end, because: reason, hang, loops)
      }
      takeOfOthers(event)
    }
  }

  /// - Parameters:
  ///   - end: how it has ended.
  ///   - reason: why the supervisor has ended it; nil if it has not.
  ///   - hang, loops: as for `end`.
  private func noteEnd(
    of worker: WorkerProcess, _ end: ProcessEnd, because reason: String? = nil, _ hang: Heartbeat.Hang? = nil,
    _ loops: [HungLoop]? = nil
  ) -> End {
    let result = End(moment: Clock.monotonic, meaning: worker.meaningOfEnd)
    remove(worker)
    group.hasEnded(worker)
    if result.meaning == .order {
      logger.notice("worker \(index) (pid \(worker.pid)) \(end.text)", metadata: fields(worker))
    } else if let hang, let reason {
      var death = Death(of: worker, hang, loops, because: "it \(reason)")
      death.isAlive = false
      note(death)
    } else {
      note(Death(of: worker, end, because: reason))
    }
    return result
  }
}

// Log lines.

extension WorkerSlot {
  /// The fields of lines about this place.
  var fields: Logger.Metadata { ["worker": "\(index)"] }

  private func fields(_ worker: WorkerProcess, since began: Int64? = nil) -> Logger.Metadata {
    var fields = fields
    fields["pid"] = "\(worker.pid)"
    if let began { fields["ms"] = "\((Clock.monotonic - began) / 1_000_000)" }
    return fields
  }

  /// Another place for a worker was made, and its worker serves.
  func reportAddition(since began: Int64) {
    var fields = fields
    fields["pid"] = status.pid.map { "\($0)" }
    fields["ms"] = "\((Clock.monotonic - began) / 1_000_000)"
    logger.notice("worker \(index) serves", metadata: fields)
  }

  /// The place has no worker any more when the present one has finished its requests.
  func reportGivingUp(because reason: String) {
    var fields = fields
    fields["pid"] = status.pid.map { "\($0)" }
    logger.notice("worker \(index) is given up, because \(reason): it finishes its requests", metadata: fields)
  }

  func reportReturn(of worker: WorkerProcess, since crash: Int64) {
    logger.notice("worker \(index) serves again", metadata: fields(worker, since: crash))
  }

  /// Takes note of a debugger that holds a worker, or has let it go, since a reload cannot wait for it either.
  private func note(_ tracer: ProcessTimes.Tracer?, of worker: WorkerProcess) {
    guard tracer != worker.tracer.withLock({ $0 }) else { return }
    worker.tracer.withLock { $0 = tracer }
    group.noteStopped(tracer != nil, worker)
    guard let tracer else {
      return logger.notice("worker \(index) (pid \(worker.pid)) goes on: no debugger holds it", metadata: fields)
    }
    logger.warning(
      """
      worker \(index) (pid \(worker.pid)) is held by process \(tracer.process) (\(tracer.name)), by ptrace: its \
      requests wait until it goes on
      """,
      metadata: fields)
  }

  func reportOrphan(_ process: Int32, _ name: String, ofWorker worker: Int32) {
    logger.notice(
      "process \(process) (\(name)), which worker \(index) (pid \(worker)) had started, was killed with it",
      metadata: fields)
  }

  private func report(_ event: ProcessEvent, _ worker: WorkerProcess) {
    switch event {
    case .stopped(let signal):
      group.noteStopped(true, worker)
      logger.warning(
        """
        worker \(index) (pid \(worker.pid)) was stopped by \(ProcessEnd.name(ofSignal: signal)): its requests wait until \
        it is continued
        """,
        metadata: fields)
    case .continued:
      group.noteStopped(false, worker)
      logger.notice("worker \(index) (pid \(worker.pid)) was continued", metadata: fields)
    case .trapped(let signal):
      logger.error(
        """
        worker \(index) (pid \(worker.pid)) was stopped by \(ProcessEnd.name(ofSignal: signal)), because a plugin has \
        called ptrace(PTRACE_TRACEME): it is ended
        """,
        metadata: fields(worker))
    case .ended, .killedOrphan: break
    }
  }
}
