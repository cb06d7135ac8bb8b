internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// A reload over all workers: all prepare, then all commit. A generation that one worker cannot prepare is prepared by
// none. A worker that ends meanwhile does not count; the one that takes its place is brought to what the others serve.
// A worker that does not answer, because it is stopped, could not follow the others: it is ended, and another one takes
// its place.

extension WorkerGroup {
  /// How long a reload waits for a worker if none serves, in nanoseconds.
  static var patience: Int64 { 10_000_000_000 }
  /// How often a generation is tried if all workers end meanwhile: it may be at fault, or not.
  private static var attempts: Int { 2 }

  /// See `Worker.prepare`. Blocks. At the start of the host it waits for all workers first, and does nothing if one does
  /// not start. In a reload that is to be broken off it does not go on.
  func prepare(_ generations: [PlannedGeneration], within limit: Duration) -> Preparation {
    var result = Preparation()
    if service.withLock({ $0.version == 0 }), !haveStarted() { return result }
    for planned in generations where !isStopping() && !faults.breaksReloadOff {
      guard let answer = prepare(planned, within: limit) else { continue }
      result.prepared.merge(answer.prepared) { $1 }
      result.untried.formUnion(answer.untried)
      result.failures.merge(answer.failures) { $1 }
    }
    return result
  }

  /// - Returns: nil if it was not tried, because the host is stopping, or because the reload is to be broken off.
  private func prepare(_ planned: PlannedGeneration, within limit: Duration) -> Preparation? {
    var end: String?
    let areCrashing = areCrashing
    for _ in 0..<Self.attempts {
      // The content of a roll-back has served before.
      let needsTry = planned.rollBack == nil && !areCrashing
      let workers = present(within: needsTry ? Self.patience : 0)
      let given = order(workers) { $1.tryOut(self.inheriting(planned, $0), within: limit) }
      if isStopping() { return given.first?.answer }
      guard let first = given.first else {
        if planned.rollBack != nil { return Preparation(prepared: [planned.name: []]) }
        if faults.breaksReloadOff { return nil }
        if areCrashing, planned.isPlugin { return untried(planned) }
        end = workers.isEmpty ? "no worker serves" : "all workers ended while they loaded and started it"
        continue
      }
      noteStates(given, of: planned.name)
      guard let failed = given.first(where: { $0.answer.prepared[planned.name] == nil }) else { return first.answer }
      let started = given.filter { $0.answer.prepared[planned.name] != nil }
      _ = Self.onAll(started.map { ($0.index, $0.worker) }) { $1.abort([planned.name]) }
      return started.isEmpty ? failed.answer : failed.answer.failed(inWorker: failed.index, of: planned)
    }
    let problem = PluginProblem(
      code: .startFailed, plugin: planned.shortName, file: planned.file, reason: end ?? "no worker serves")
    let error = PluginError(problems: [problem])
    return Preparation(failures: [planned.name: PreparationFailure(error: error, stage: .loaded)])
  }

  /// Nobody can try a generation while workers crash again and again, maybe because of the one that it replaces.
  private func untried(_ planned: PlannedGeneration) -> Preparation {
    Preparation(prepared: [planned.name: []], untried: [planned.name])
  }

  /// Has workers that try a generation for a reload which is to be broken off not wait for its `start`: what they are
  /// told next cannot wait. From any thread.
  func giveUpStarts() {
    guard faults.breaksReloadOff else { return }
    for case (_, .process(let process)) in present { process.tell(.giveUpStarts) }
  }

  /// See `Worker.abort`.
  func abort(_ names: [String]) {
    guard !names.isEmpty else { return }
    _ = Self.onAll(present) { $1.abort(names) }
  }

  /// See `Worker.commit`. A worker that lacks a generation, because it has joined since, prepares it first.
  /// - Throws: if two routes conflict. Then nothing has changed.
  func commit(_ plan: ReloadPlan) throws(HostError) -> CommitReport {
    try service.withLock { (service) throws(HostError) in
      var next = service
      let states = states.withLock { $0 }.merging(inherited.withLock { $0 }) { $1 }
      next.adopt(plan, from: states)
      // Before a worker serves it: it may crash at once.
      let before = faults.adopt(plan, from: states)
      do throws(HostError) {
        let reports = try commit(next)
        service = next
        retryCrashed()
        return CommitReport(merging: reports, inWorkers: !isInProcess)
      } catch {
        faults.goBack(from: plan, to: before)
        throw error
      }
    }
  }

  /// Makes the workers that serve stop running what is suspended, and answer for it.
  func publishSuspensions(drain: Duration) {
    service.withLock { service in
      // No route is new, so none conflicts.
      _ = try? commit(service)
    }
    retire(drain: drain)
  }

  /// Makes the workers that serve commit all that they lack. For whoever holds `service`.
  private func commit(_ service: Service) throws(HostError) -> [CommitReport?] {
    // A generation that is suspended from now on is prepared already, maybe.
    let suspended = faults.suspended
    var reports: [CommitReport?] = []
    for report in order(present, { self.commit(service, without: suspended, in: $1, $0) }) {
      reports.append(try report.answer.get())
    }
    return reports
  }

  /// - Returns: nil if the worker has ended or does not answer; a success without a report if it is ended because it
  ///   cannot follow.
  private func commit(
    _ next: Service, without suspended: [String: Suspension], in worker: WorkerHandle, _ index: Int
  ) -> Result<CommitReport?, HostError>? {
    if case .process(let process) = worker {
      do throws(HostError) {
        try prepareMissing(of: next, in: worker, index, without: suspended, asking: nil)
      } catch {
        // It must not go on with the old generations. Its successor prepares everything anew.
        end(process, because: "cannot follow the reload: \(error)")
        return .success(nil)
      }
    }
    do throws(HostError) {
      let order = next.order(for: worker.known.serving.keys, without: suspended)
      return try worker.commit(order).map { .success($0) }
    } catch {
      return .failure(error)
    }
  }

  /// See `Worker.retire`.
  func retire(drain: Duration) { _ = order(present) { $1.retire(drain: drain) } }

  /// See `Worker.refreshProcess`. At the beginning of a reload.
  func refreshProcess() {
    retryCrashed()
    _ = Self.onAll(present) { $1.refreshProcess() }
  }

  /// Whether all workers crash again and again, so that no reload can count on one.
  var areCrashing: Bool {
    let slots = slots.withLock { $0 }
    return !slots.isEmpty && slots.allSatisfy(\.isCrashing)
  }

  /// Starts workers at once that would start when the delay after a crash is over.
  private func retryCrashed() { for slot in slots.withLock({ $0 }) { slot.retry() } }
}

// Orders that every worker has to carry out.

extension WorkerGroup {
  /// Gives an order to each of these workers, and ends those that do not answer: they would not do what the others do.
  /// - Returns: the answers of the others.
  func order<Answer: Sendable>(
    _ workers: [(index: Int, worker: WorkerHandle)], _ body: @escaping @Sendable (Int, WorkerHandle) -> Answer?
  ) -> [(index: Int, worker: WorkerHandle, answer: Answer)] {
    let answers = Self.onAll(workers) { index, worker in (index, worker, body(index, worker)) }
    return answers.compactMap { index, worker, answer in
      if let answer { return (index, worker, answer) }
      if case .process(let process) = worker, !isStopping() {
        let state = process.isStoppedForLong ? "is stopped" : "does not answer"
        end(process, because: "\(state), so it cannot follow the other workers")
      }
      return nil
    }
  }

  /// Ends a worker. Its place starts another one.
  private func end(_ process: WorkerProcess, because reason: String) {
    // One of which an event loop hangs gets no more orders, and is ended anyway.
    guard !process.isGone, !process.isHung else { return }
    logger.error(
      "worker \(process.index) (pid \(process.pid)) \(reason): it is ended, and another one takes its place",
      metadata: ["worker": "\(process.index)"])
    process.endByOrder()
  }
}

// What plugins hand over, for workers that start later.

extension WorkerGroup {
  private func noteStates(_ answers: [(index: Int, worker: WorkerHandle, answer: Preparation)], of name: String) {
    let kept = answers.compactMap { answer in answer.answer.states[name].map { (answer.index, $0) } }
    states.withLock { $0[name] = Dictionary(kept) { $1 } }
    if let size = answers.compactMap({ $0.answer.largeStates[name] }).max() { reportLargeState(size, of: name) }
  }

  /// Whether a state is small enough to be kept. The log says so once if it is not.
  func keeps(_ state: HandedOverState, of name: String) -> Bool {
    guard state.size > Preparation.largestKeptState else { return true }
    reportLargeState(state.size, of: name)
    return false
  }

  private func reportLargeState(_ size: Int, of name: String) {
    guard reportedStates.withLock({ $0.insert(name).inserted }) else { return }
    logger.notice(
      """
      plugin \(name) hands over \(size) bytes; the host keeps at most \(Preparation.largestKeptState) bytes for a \
      worker that takes the place of a crashed one, so the plugin starts without a state there
      """)
  }
}

extension Preparation {
  /// The same failure, which happened in one worker, while another one has started the generation and has mapped its
  /// copy.
  fileprivate func failed(inWorker index: Int, of planned: PlannedGeneration) -> Preparation {
    var preparation = self
    preparation.failures = failures.mapValues { failure in
      let problems = failure.error.problems.map { problem in
        PluginProblem(
          code: problem.code, plugin: problem.plugin, file: problem.file,
          reason: "in worker \(index), not in all: \(problem.reason)")
      }
      return PreparationFailure(error: PluginError(problems: problems), stage: .loaded)
    }
    return preparation
  }
}

extension CommitReport {
  /// Of all workers together.
  /// - Parameter inWorkers: whether they have processes of their own.
  fileprivate init(merging reports: [CommitReport?], inWorkers: Bool) {
    let reports = reports.compactMap { $0 }
    var used = reports.reduce(into: [:]) { $0.merge($1.usedInPlace) { $1.isReplaced ? $1 : $0 } }
    for name in used.keys { used[name]!.isOfWorker = inWorkers }
    self.init(isComplete: reports.allSatisfy(\.isComplete), usedInPlace: used)
  }
}
