internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// The state of the host and its workers at one moment.
struct HostStatus: Sendable {
  let content: HostState.Content
  /// Each place of a worker.
  let workers: [WorkerStatus]
  /// The workers have processes of their own.
  let isSupervisor: Bool
  /// The place of the worker that runs jobs with AMBIT_JOB_ONCE; nil if none does at the moment.
  let onceWorker: Int?
  /// The reports of all workers that answered, as if they were one.
  let worker: WorkerReport
  let began: Int64
  let now: Int64
  let configuration: String?
  /// How many clients wait for a reload that has not begun.
  let waitingForReload: Int
  /// The plugins that no worker runs, by the repository's name.
  let quarantines: [(plugin: String, quarantine: PluginQuarantine)]

  /// Asks the workers for their reports, which waits for each loop for at most a second. Blocks; not from a loop.
  init(state: HostState, reloads: ReloadQueue, configuration: String?, workers group: WorkerGroup) {
    workers = group.reports(within: 1_000_000_000)
    (isSupervisor, onceWorker) = (!group.isInProcess, group.once.index)
    worker = WorkerReport(merging: workers.compactMap(\.report))
    waitingForReload = reloads.waitingCount
    quarantines = group.faults.ledger.quarantines.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    content = state.current
    began = state.began
    now = Clock.wall
    self.configuration = configuration
  }

  /// Whether jobs with `AMBIT_JOB_ONCE` run in a worker.
  func runsOnceJobs(_ status: WorkerStatus) -> Bool { status.index == onceWorker && !status.isPredecessor }
}

extension HostStatus {
  /// For people: the host, its generations and its last reloads.
  var text: String {
    // The time is that of the start, whatever the host does now.
    let phase = content.phase == .serving ? "serving since" : "\(content.phase), started"
    let title = "ambit \(AmbitVersion.text), pid \(HostProcess.identifier), \(phase) \(time(began))"
    let parts = [[title], hostLines, workerLines, poolLines, generationLines, quarantineLines, limitLines,
      functionLines, residentLines, reloadLines, upgradeLines]
    return parts.filter { !$0.isEmpty }.map { lines in lines.map { $0.printable + "\n" }.joined() }
      .joined(separator: "\n")
  }

  private var hostLines: [String] {
    var table = TextTable()
    table.add("configuration", configuration ?? "defaults")
    table.add("listening", content.addresses.joined(separator: ", "))
    table.add("loops", "\(worker.loopCount)" + blocked)
    table.add("connections", "\(worker.connections)")
    table.add("requests", "\(worker.requests) in flight")
    let pool = worker.pool
    // A worker that has ended takes its counts with it.
    let counted = isSupervisor ? " in the workers that serve" : ""
    table.add(
      "pool",
      """
      \(pool.inUse) of \(pool.limit) threads in use, \(pool.waiting) waiting; at most \(pool.mostInUse) in use so \
      far\(counted)
      """)
    table.add(
      "trouble",
      "\(worker.stuckJobs.pluralized("stuck job")); \(worker.stalls.pluralized("blocked loop")) so far\(counted)")
    return table.lines
  }

  private var blocked: String {
    let names = workers.flatMap { status in
      (status.report?.blockedLoops ?? []).map { workers.count > 1 ? "\($0) of worker \(status.index)" : "\($0)" }
    }
    return names.isEmpty ? "" : ", blocked: \(names.joined(separator: ", "))"
  }

  /// A line for each worker that has a process of its own.
  private var workerLines: [String] {
    guard isSupervisor else { return [] }
    var table = TextTable()
    table.add("WORKER", "PID", "SINCE", "STATE", "LOOPS", "CONNECTIONS", "REQUESTS", "CRASHES", "ONCE")
    for status in workers {
      let report = status.report
      func figure(_ value: (WorkerReport) -> Int) -> String { report.map { "\(value($0))" } ?? "-" }
      table.add(
        "\(status.index)", status.slot.pid.map { "\($0)" } ?? "-", time(status.since), status.state,
        figure(\.loopCount), figure(\.connections), figure(\.requests), "\(status.slot.crashes)",
        runsOnceJobs(status) ? "yes" : "no")
    }
    return table.lines
  }

  /// Who has the threads of the pool, while others wait for one.
  private var poolLines: [String] {
    guard worker.pool.waiting > 0 else { return [] }
    var table = TextTable()
    table.add("THREADS", "MS", "STATE", "HELD BY")
    for holder in worker.pool.holders {
      table.add("\(holder.threads)", "\(holder.age / 1_000_000)", holder.state, holder.work)
    }
    return table.lines
  }

  private var generationLines: [String] {
    let running = worker.generations.filter { $0.state != .resident }
    guard !running.isEmpty else { return [] }
    var table = TextTable()
    table.add("GENERATION", "STATE", "SINCE", "VERSION", "BUILD", "SHA-256", "ROUTES", "REQUESTS", "JOBS", "FILE")
    for generation in running {
      table.add(
        generation.label, generation.state.rawValue, time(generation.since), generation.version,
        short(generation.buildID), short(generation.hash), "\(generation.routes.count)",
        "\(generation.requests)", "\(generation.jobs)", generation.file)
    }
    let lines = table.lines
    return lines.prefix(1)
      + zip(lines.dropFirst(), running).flatMap { line, generation in
        [line] + generation.lastGoodBecause.map { "  last good copy, because its file is refused: \($0)" }
          + generation.holders.map { "  held by \($0)" }
      }
  }

  /// What each plugin uses, and its limits.
  private var limitLines: [String] {
    let limited = worker.generations.filter { $0.state == .serving && $0.use.requests.limit != nil }
    guard !limited.isEmpty else { return [] }
    var table = TextTable()
    table.add("LIMITS", "REQUESTS", "JOBS", "THREADS", "ALLOC", "REFUSED")
    for generation in limited {
      let use = generation.use
      let waiting = use.threads.waiting > 0 ? ", \(use.threads.waiting) waiting" : ""
      table.add(
        generation.label, text(use.requests) { "\($0)" }, text(use.jobs) { "\($0)" },
        text(use.threads) { "\($0)" } + waiting, text(use.alloc, \.asBytes), refusals(use))
    }
    return table.lines
  }

  /// "3 of 100".
  private func text(_ report: LimitReport, _ amount: (Int) -> String) -> String {
    amount(report.used) + (report.limit.map { " of \(amount($0))" } ?? "")
  }

  /// "12 requests, 1 of alloc"; "-" if there were none.
  private func refusals(_ use: GenerationUseReport) -> String {
    let all = [("requests", use.requests), ("jobs", use.jobs), ("threads", use.threads), ("alloc", use.alloc)]
    let refused = all.filter { $0.1.refused > 0 }.map { "\($0.0) \($0.1.refused)" }
    return refused.isEmpty ? "-" : refused.joined(separator: ", ")
  }

  /// A line for each plugin that no worker runs.
  private var quarantineLines: [String] {
    quarantines.map { "\($0.quarantine.label)  quarantined since \(time($0.quarantine.since)): \($0.quarantine.text)" }
  }

  /// Where C functions of routes run, a line for each generation that has such routes, and which calls keep others
  /// waiting.
  private var functionLines: [String] {
    let calling = worker.generations.filter { $0.state == .serving && !$0.functions.isEmpty }
    guard !calling.isEmpty else { return [] }
    var table = TextTable()
    table.add("FUNCTIONS", "ROUTES", "WAITING", "RUN")
    for generation in calling {
      let waiting = generation.lanes.reduce(0) { $0 &+ $1.waiting }
      var places: [String] = []
      for function in generation.functions where !places.contains(function.runs) { places.append(function.runs) }
      table.add(generation.label, "\(generation.functions.count)", "\(waiting)", places.joined(separator: "; "))
    }
    let lines = table.lines
    return lines.prefix(1)
      + zip(lines.dropFirst(), calling).flatMap { line, generation in [line] + holders(in: generation) }
  }

  private func holders(in generation: GenerationStatus) -> [String] {
    generation.lanes.filter { $0.waiting > 0 }.compactMap { lane in
      lane.running.map { call in
        "  \(lane.waiting.pluralized("call")) \(lane.waiting == 1 ? "waits" : "wait") for "
          + "\(call.label), request \(call.request), which has run for \(call.age / 1_000_000) ms"
      }
    }
  }

  /// Generations that stay in memory although nothing of them runs: a line for each plugin and reason.
  private var residentLines: [String] {
    guard !worker.residents.isEmpty else { return [] }
    var table = TextTable()
    table.add("RESIDENT", "GENERATIONS", "MEMORY", "BECAUSE")
    let groups = Dictionary(grouping: worker.residents) { [$0.plugin, $0.residentReason ?? ""] }
    for (key, group) in groups.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let memory = group.reduce(0) { $0 &+ $1.memory }
      table.add(key[0], "\(group.count)", "\(memory / 1024) KiB", key[1])
    }
    return table.lines
  }

  private var reloadLines: [String] {
    guard !content.reloads.isEmpty else { return [] }
    var table = TextTable()
    table.add("RELOAD", "MS", "RESULT")
    for reload in content.reloads {
      table.add(time(reload.began), "\(reload.milliseconds)", reload.summary)
    }
    return table.lines
  }

  private var upgradeLines: [String] {
    guard let upgrade = content.upgrade else { return [] }
    return ["UPGRADE  \(time(upgrade.began))  \(upgrade.lines[0])"] + upgrade.lines.dropFirst().map { "  \($0)" }
  }

  /// The first digits of a hexadecimal number, enough to tell builds apart.
  private func short(_ digits: String?) -> String { digits.map { String($0.prefix(12)) } ?? "-" }

  private func time(_ nanoseconds: Int64) -> String { Timestamp.text(of: nanoseconds) }
}
