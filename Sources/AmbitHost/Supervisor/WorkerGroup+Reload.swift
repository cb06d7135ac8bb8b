internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem
internal import Logging
internal import Synchronization

// A reload over all workers: all prepare, then all commit. A generation that one worker cannot prepare is prepared by
// none. A worker that ends meanwhile does not count; the one that takes its place is brought to what the others serve.

extension WorkerGroup {
  /// How long a reload waits for a worker if none serves, in nanoseconds.
  static var patience: Int64 { 10_000_000_000 }
  /// How often a generation is tried if all workers end meanwhile: it may be at fault, or not.
  private static var attempts: Int { 2 }

  /// See `Worker.prepare`. Blocks.
  func prepare(_ generations: [PlannedGeneration], within limit: Duration) -> Preparation {
    var result = Preparation()
    for planned in generations where !isStopping() {
      guard let answer = prepare(planned, within: limit) else { continue }
      result.prepared.merge(answer.prepared) { $1 }
      result.failures.merge(answer.failures) { $1 }
    }
    return result
  }

  /// - Returns: nil if it was not tried, because the host is stopping.
  private func prepare(_ planned: PlannedGeneration, within limit: Duration) -> Preparation? {
    var end: String?
    for _ in 0..<Self.attempts {
      let workers = present(within: Self.patience)
      let answers = Self.onAll(workers) { index, worker in (index, worker, worker.prepare(planned, within: limit)) }
      if isStopping() { return answers.compactMap(\.2).first }
      let given = answers.filter { $0.2 != nil }
      guard let first = given.first else {
        end = workers.isEmpty ? "no worker serves" : "all workers ended while they loaded and started it"
        continue
      }
      noteStates(given.map { ($0.0, $0.2!) }, of: planned.name)
      guard let failed = given.first(where: { $0.2!.prepared[planned.name] == nil }) else { return first.2 }
      for (_, worker, answer) in given where answer!.prepared[planned.name] != nil { worker.abort([planned.name]) }
      // A copy that one worker has mapped stays.
      let isLoaded = given.contains { $0.2!.prepared[planned.name] != nil }
      return isLoaded ? failed.2!.keepingCopies : failed.2
    }
    let problem = PluginProblem(
      code: .startFailed, plugin: planned.shortName, file: planned.file, reason: end ?? "no worker serves")
    let error = PluginError(problems: [problem])
    return Preparation(failures: [planned.name: PreparationFailure(error: error, stage: .loaded)])
  }

  private func noteStates(_ answers: [(index: Int, preparation: Preparation)], of name: String) {
    let kept = answers.compactMap { answer in answer.preparation.states[name].map { (answer.index, $0) } }
    states.withLock { $0[name] = Dictionary(kept) { $1 } }
  }

  /// See `Worker.abort`.
  func abort(_ names: [String]) {
    guard !names.isEmpty else { return }
    _ = Self.onAll(present) { $1.abort(names) }
  }

  /// See `Worker.commit`. A worker that lacks a generation, because it has joined since, prepares it first.
  /// - Throws: if two routes conflict, or no worker is left.
  func commit(_ plan: ReloadPlan) throws(HostError) -> CommitReport {
    try service.withLock { (service) throws(HostError) in
      var next = service
      next.adopt(plan, from: states.withLock { $0 })
      let reports = Self.onAll(present) { [next] index, worker in
        Result { () throws(HostError) in try self.commit(next, in: worker, index) }
      }
      var merged: [CommitReport] = []
      for report in reports { if let report = try report.get() { merged.append(report) } }
      service = next
      return CommitReport(merging: merged)
    }
  }

  /// - Returns: nil if the worker has ended, or cannot follow: then another takes its place.
  private func commit(
    _ next: Service, in worker: WorkerHandle, _ index: Int
  ) throws(HostError) -> CommitReport? {
    switch worker {
    case .inProcess: return try worker.commit(next.order(for: worker.known.serving.keys))
    case .process(let process):
      do throws(HostError) {
        try prepareMissing(of: next, in: worker, index, asking: nil)
      } catch {
        // It must not go on with the old generations. Its successor prepares everything anew.
        if !process.isGone {
          logger.error("worker \(index) (pid \(process.pid)) is ended, because it cannot follow the reload: \(error)")
          process.kill()
        }
        return nil
      }
      return try worker.commit(next.order(for: worker.known.serving.keys))
    }
  }

  /// See `Worker.retire`.
  func retire(drain: Duration) { _ = Self.onAll(present) { $1.retire(drain: drain) } }

  /// See `Worker.refreshProcess`.
  func refreshProcess() { _ = Self.onAll(present) { $1.refreshProcess() } }
}

extension Preparation {
  /// The same where another worker has mapped the copies.
  fileprivate var keepingCopies: Preparation {
    var preparation = self
    preparation.failures = failures.mapValues { PreparationFailure(error: $0.error, stage: .loaded) }
    return preparation
  }
}

extension CommitReport {
  /// Of all workers together.
  fileprivate init(merging reports: [CommitReport]) {
    let used = reports.reduce(into: [:]) { $0.merge($1.usedInPlace) { $1.isReplaced ? $1 : $0 } }
    self.init(isComplete: reports.allSatisfy(\.isComplete), usedInPlace: used)
  }
}
