internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// What one of the workers answers, or all together. From threads that may block.

extension WorkerGroup {
  /// Asks one worker after the other until one answers.
  private func first<Answer>(
    _ question: (WorkerHandle) throws(PluginError) -> Answer?
  ) throws(PluginError) -> Answer? {
    for (_, worker) in present(within: Self.patience) {
      if let answer = try question(worker) { return answer }
    }
    return nil
  }

  /// See `Worker.save`.
  func save(_ plugin: String, within limit: Duration) throws(PluginError) -> HandedOverState? {
    try first { (worker) throws(PluginError) in try worker.save(plugin, within: limit) }
  }

  /// See `Worker.lookUp`.
  func lookUp(
    _ routes: [CallRoute], in library: String, within limit: Duration
  ) throws(PluginError) -> [LibraryCall] {
    try first { (worker) throws(PluginError) in try worker.lookUp(routes, in: library, within: limit) } ?? []
  }

  /// Asks each worker, in parallel.
  /// - Throws: if one of them cannot answer because its loader is busy, or if no worker serves.
  private func all<Answer: Sendable>(
    about name: String, _ question: @escaping @Sendable (WorkerHandle) throws(PluginError) -> Answer?
  ) throws(PluginError) -> [Answer] {
    let results = Self.onAll(present(within: Self.patience)) { _, worker in
      Result { () throws(PluginError) in try question(worker) }
    }
    var answers: [Answer] = []
    for result in results { if let answer = try result.get() { answers.append(answer) } }
    guard !answers.isEmpty else {
      let reason = "no worker serves, which would load it"
      throw PluginError(problems: [PluginProblem(code: .loadingHangs, plugin: name, file: name, reason: reason)])
    }
    return answers
  }

  /// See `Worker.findLibrary`: the answers of all workers.
  func findLibrary(
    _ name: String, at path: String, besides copies: String, within limit: Duration
  ) throws(PluginError) -> [FoundLibrary] {
    try all(about: name) { (worker) throws(PluginError) in
      try worker.findLibrary(name, at: path, besides: copies, within: limit)
    }
  }

  /// See `Worker.loadedLibrary`: the answers of all workers.
  func loadedLibrary(
    _ name: String, file: String?, besides copies: String, within limit: Duration
  ) throws(PluginError) -> [LoadedLibrary?] {
    try all(about: name) { (worker) throws(PluginError) in
      try worker.loadedLibrary(name, file: file, besides: copies, within: limit)
    }
  }

  /// Whether the loader of a worker is busy: then no plan can count on it.
  var isLoaderBusy: Bool { Self.onAll(present) { $1.isLoaderBusy }.contains(true) }

  /// The event loops of all workers.
  var loopCount: Int {
    present.reduce(0) { sum, member in
      if case .inProcess(let worker) = member.worker { return sum + worker.loopCount }
      return sum + slots.withLock { $0.first?.settings.withLock(\.loops) ?? 0 }
    }
  }

  /// What each place of a worker does at present, and the report of each worker that serves.
  func reports(within timeout: Int64) -> [WorkerStatus] {
    let answers = Self.onAll(present) { index, worker in (index, worker.report(within: timeout)) }
    let reports = Dictionary(answers) { $1 }
    let slots = slots.withLock { $0 }
    guard !slots.isEmpty else {
      return reports.map { WorkerStatus(index: $0.key, WorkerSlot.Status(phase: .serving, pid: HostProcess.identifier), report: $0.value) }
    }
    return slots.map { WorkerStatus(index: $0.index, $0.status, report: reports[$0.index] ?? nil) }
  }

  /// All scopes and jobs of the workers that answer. Each line names its worker if there are several.
  func scopeTrees() -> [ScopeTreeReport] {
    let workers = present
    return Self.onAll(workers) { index, worker in
      var tree = worker.scopeTree()
      if workers.count > 1 { tree?.worker = index }
      return tree
    }.compactMap { $0 }
  }

  /// See `Worker.blockedLoops`.
  func blockedLoops() -> [String] {
    let workers = present
    return Self.onAll(workers) { index, worker in
      worker.blockedLoops().map { workers.count > 1 ? "worker \(index): \($0)" : $0 }
    }.flatMap { $0 }
  }

  /// Whether each loop of each worker turns. Of workers in processes of their own it tells what they said when they were
  /// asked last: see `Heartbeat`.
  func isEverythingTurning(within timeout: Int64) -> Bool {
    guard case .inProcess(let worker)? = present.first?.worker else { return liveness.isEverythingTurning }
    return worker.turningLoops(within: timeout).isComplete
  }

  /// See `Worker.liveRequests`.
  func liveRequests(within timeout: Int64) -> Int? {
    let counts = Self.onAll(present) { $1.liveRequests(within: timeout) }
    return counts.contains { $0 == nil } ? nil : counts.reduce(0) { $0 + $1! }
  }

  /// See `Worker.dump`.
  func dump() { for (_, worker) in present { worker.dump() } }
}

/// One place of a worker, for the status.
struct WorkerStatus: Sendable {
  let index: Int
  let slot: WorkerSlot.Status
  /// nil if no worker serves there, or if it does not answer.
  let report: WorkerReport?

  init(index: Int, _ slot: WorkerSlot.Status, report: WorkerReport?) {
    (self.index, self.slot, self.report) = (index, slot, report)
  }
}
