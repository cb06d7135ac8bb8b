internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// What one of the workers answers, or all together. From threads that may block.

extension WorkerGroup {
  /// How often a question is asked if all workers end meanwhile.
  private static var attempts: Int { 2 }

  /// Asks one worker after the other until one answers.
  private func first<Answer>(
    _ question: (WorkerHandle) throws(PluginError) -> Answer?
  ) throws(PluginError) -> Answer? {
    for _ in 0..<Self.attempts {
      for (_, worker) in present(within: areCrashing ? 0 : Self.patience) {
        if let answer = try question(worker) { return answer }
      }
    }
    return nil
  }

  /// See `Worker.save`.
  func save(_ plugin: String, within limit: Duration) throws(PluginError) -> HandedOverState? {
    try first { (worker) throws(PluginError) in try worker.save(plugin, within: limit) } ?? nil
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
    for _ in 0..<Self.attempts {
      let results = Self.onAll(present(within: Self.patience)) { _, worker in
        Result { () throws(PluginError) in try question(worker) }
      }
      var answers: [Answer] = []
      for result in results { if let answer = try result.get() { answers.append(answer) } }
      if !answers.isEmpty { return answers }
    }
    let reason = "no worker serves, which would load it"
    throw PluginError(problems: [PluginProblem(code: .loadingHangs, plugin: name, file: name, reason: reason)])
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

  /// The event loops of all workers, also of those that start in place of crashed ones.
  var loopCount: Int {
    if case .inProcess(let worker)? = present.first?.worker { return worker.loopCount }
    return slots.withLock { $0 }.reduce(0) { $0 + $1.settings.withLock(\.loops) }
  }

  /// What each place of a worker does at present, and the report of each worker that serves or finishes its requests.
  func reports(within timeout: Int64) -> [WorkerStatus] {
    let answers = Self.onAll(running) { _, worker in (worker.pid, worker.report(within: timeout)) }
    let slots = allSlots.filter { !$0.ended.isOpen }
    guard !slots.isEmpty else {
      let slot = WorkerSlot.Status(phase: .serving, pid: HostProcess.identifier)
      return answers.map { WorkerStatus(index: 1, slot, report: $1) }
    }
    let reports = Dictionary(answers) { $1 }
    let places = slots.map { ($0, $0.status) }
    return places.map { slot, status in
      let stoppedSince = slot.workers.first { $0.pid == status.pid }.flatMap { stopped.moment(of: $0) }
      let report = status.pid.flatMap { reports[$0] ?? nil }
      return WorkerStatus(index: slot.index, status, stoppedSince: stoppedSince, report: report)
    } + replacedWorkers(besides: places.compactMap(\.1.pid), reports) + predecessors.statuses
  }

  /// Workers that finish their requests while another one serves in their place.
  private func replacedWorkers(besides shown: [Int32], _ reports: [Int32: WorkerReport?]) -> [WorkerStatus] {
    leaving.withLock { $0 }.filter { !$0.worker.isGone && !shown.contains($0.worker.pid) }.map { leaver in
      var status = WorkerSlot.Status()
      (status.phase, status.pid, status.since) = (.draining, leaver.worker.pid, leaver.since)
      return WorkerStatus(
        index: leaver.worker.index, status, stoppedSince: stopped.moment(of: leaver.worker),
        report: reports[leaver.worker.pid] ?? nil)
    }
  }

  /// All scopes and jobs of each worker. Each line names its worker if there are several. Of a worker that does not
  /// answer nothing is known.
  func scopeTrees() -> [ScopeTreeReport] {
    let workers = running
    return Self.onAll(workers) { index, worker in
      guard var tree = worker.scopeTree() else { return worker.isGone ? nil : .silence(ofWorker: index) }
      if workers.count > 1 { tree.worker = index }
      return tree
    }.compactMap { $0 }
  }

  /// See `Worker.blockedLoops`.
  func blockedLoops() -> [String] {
    let workers = present
    return Self.onAll(workers) { (index, worker) -> [String] in
      let blocked = worker.blockedLoops().map { workers.count > 1 ? "worker \(index): \($0)" : $0 }
      // One that has hung meanwhile gets no orders.
      if case .process(let process) = worker, process.isHung { return [] }
      return blocked
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
    let counts = Self.onAll(running) { $1.liveRequests(within: timeout) }
    return counts.contains { $0 == nil } ? nil : counts.reduce(0) { $0 &+ $1! }
  }

  /// See `Worker.begunRequests`: the sums of the workers that answer.
  func begunRequests(within timeout: Int64) -> [String: Int] {
    Self.onAll(present) { $1.begunRequests(within: timeout) }.reduce(into: [:]) { sums, counts in
      sums.merge(counts ?? [:]) { $0 &+ $1 }
    }
  }

  /// See `Worker.dump`. One worker after the other writes to the log, which names those that do not answer.
  func dump() {
    for (index, worker) in running where worker.dump() == nil && !worker.isGone {
      logger.warning(
        "worker \(index) does not answer: nothing is known of its scopes", metadata: ["worker": "\(index)"])
    }
  }
}

/// One place of a worker, for the status.
struct WorkerStatus: Sendable {
  let index: Int
  let slot: WorkerSlot.Status
  /// When its process was stopped (SIGSTOP), in nanoseconds since 1970; nil if it is not stopped.
  private let stoppedSince: Int64?
  /// nil if no worker serves there, or if it does not answer.
  let report: WorkerReport?
  /// It belongs to the program before this one: see `Predecessors`.
  let isPredecessor: Bool

  init(
    index: Int, _ slot: WorkerSlot.Status, stoppedSince: Int64? = nil, report: WorkerReport?,
    isPredecessor: Bool = false
  ) {
    (self.index, self.slot, self.stoppedSince) = (index, slot, stoppedSince)
    (self.report, self.isPredecessor) = (report, isPredecessor)
  }

  /// What the status shows as its state.
  var state: String {
    if stoppedSince != nil { return "stopped" }
    return slot.phase == .serving && report == nil && !isPredecessor ? "no answer" : slot.phase.rawValue
  }

  /// When `state` began, in nanoseconds since 1970. Of a worker that does not answer: when it began to serve.
  var since: Int64 { stoppedSince ?? slot.since }
}
