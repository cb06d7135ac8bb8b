internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

extension HostStatus {
  /// For programs. `AdminAPI` in the documentation of this target lists each member.
  var json: JSONValue {
    .object([
      ("version", .string("\(AmbitVersion.text)")),
      ("pid", JSONValue(HostProcess.identifier)),
      ("state", .string(content.phase.rawValue)),
      ("since", .string(Timestamp.text(of: began))),
      ("uptime_seconds", JSONValue((now - began) / 1_000_000_000)),
      ("configuration", JSONValue(configuration)),
      ("listen", .array(content.addresses.map(JSONValue.string))),
      ("connections", JSONValue(worker.connections)),
      ("requests", JSONValue(worker.requests)),
      ("stuck_jobs", JSONValue(worker.stuckJobs)),
      ("stalls", JSONValue(worker.stalls)),
      ("references", JSONValue(worker.references)),
      ("pool", worker.pool.json),
      ("workers", .array(workers.map(json(of:)))),
      ("loops", .array(workers.flatMap(loops(of:)))),
      ("generations", .array(worker.generations.map(\.json))),
      ("quarantined", .array(quarantines.map { json(of: $0.quarantine, $0.plugin) })),
      ("residents", residentsJSON),
      ("waiting_for_reload", JSONValue(waitingForReload)),
      ("reloads", .array(content.reloads.map(\.json))),
      ("upgrade", content.upgrade?.json ?? .null),
    ])
  }

  private var residentsJSON: JSONValue {
    let memory = worker.residents.reduce(0) { $0 &+ $1.memory }
    return .object([("count", JSONValue(worker.residents.count)), ("memory_bytes", JSONValue(memory))])
  }

  private func json(of quarantine: PluginQuarantine, _ plugin: String) -> JSONValue {
    .object([
      ("plugin", .string(plugin)), ("generation", .string(quarantine.label)),
      ("since", .string(Timestamp.text(of: quarantine.since))), ("reason", .string(quarantine.reason)),
      ("last_crash", .string(quarantine.lastCrash)),
    ])
  }

  private func json(of status: WorkerStatus) -> JSONValue {
    func figure(_ value: (WorkerReport) -> Int) -> JSONValue { status.report.map { JSONValue(value($0)) } ?? .null }
    return .object([
      ("worker", JSONValue(status.index)),
      ("pid", status.slot.pid.map { JSONValue($0) } ?? .null),
      ("state", .string(status.state)),
      ("since", .string(Timestamp.text(of: status.since))),
      ("answers", .bool(status.report != nil)),
      ("loops", figure(\.loopCount)),
      ("connections", figure(\.connections)),
      ("requests", figure(\.requests)),
      ("crashes", JSONValue(status.slot.crashes)),
      ("runs_once_jobs", .bool(runsOnceJobs(status))),
    ])
  }

  private func loops(of status: WorkerStatus) -> [JSONValue] {
    guard let report = status.report else { return [] }
    return (0..<report.loopCount).map { index in
      json(of: report.loops.first { $0.loop.loop == index }, index, status.index)
    }
  }

  private func json(of report: ServerReport?, _ index: Int, _ worker: Int) -> JSONValue {
    func figure(_ value: (ServerReport) -> Int) -> JSONValue { report.map { JSONValue(value($0)) } ?? .null }
    return .object([
      ("worker", JSONValue(worker)),
      ("loop", JSONValue(index)),
      ("answers", .bool(report != nil)),
      ("connections", figure(\.connections)),
      ("requests", figure(\.loop.requests)),
      ("scopes", figure(\.loop.scopes)),
      ("jobs", figure(\.loop.jobs)),
      ("stacks", figure(\.loop.stacks)),
      ("timers", figure(\.loop.timers)),
      ("buffers", figure(\.buffers)),
    ])
  }
}

extension PoolReport {
  fileprivate var json: JSONValue {
    .object([
      ("threads", JSONValue(limit)),
      ("in_use", JSONValue(inUse)),
      ("most_in_use", JSONValue(mostInUse)),
      ("waiting", JSONValue(waiting)),
      ("held_by", .array(holders.map(\.json))),
    ])
  }
}

extension PoolReport.Holder {
  fileprivate var json: JSONValue {
    .object([
      ("threads", JSONValue(threads)),
      ("plugin", .string(plugin)),
      ("route", label.isEmpty ? .null : .string(label)),
      ("job", job.isEmpty ? .null : .string(job)),
      ("state", .string(state)),
      ("milliseconds", JSONValue(age / 1_000_000)),
    ])
  }
}

extension GenerationStatus {
  fileprivate var json: JSONValue {
    .object([
      ("generation", .string(label)),
      ("plugin", .string(plugin)),
      ("version", .string(version)),
      ("build_id", JSONValue(buildID)),
      ("sha256", JSONValue(hash)),
      ("file", .string(file)),
      ("state", .string(state.rawValue)),
      ("since", .string(Timestamp.text(of: since))),
      ("routes", .array(routes.map(JSONValue.string))),
      ("functions", .array(functions.map(\.json))),
      ("serial_calls", .array(lanes.map(\.json))),
      ("requests", JSONValue(requests)),
      ("jobs", JSONValue(jobs)),
      ("limits", use.json),
      ("held_by", .array(holders.map(JSONValue.string))),
      ("stays_because", JSONValue(residentReason)),
      ("last_good_because", .array(lastGoodBecause.map(JSONValue.string))),
      ("memory_bytes", JSONValue(memory)),
    ])
  }
}

extension GenerationUseReport {
  fileprivate var json: JSONValue {
    .object([
      ("requests", requests.json), ("jobs", jobs.json), ("threads", threads.json), ("alloc", alloc.json),
    ])
  }
}

extension LimitReport {
  fileprivate var json: JSONValue {
    .object([
      ("in_use", JSONValue(used)), ("limit", limit.map { JSONValue($0) } ?? .null), ("waiting", JSONValue(waiting)),
      ("refused", JSONValue(refused)),
    ])
  }
}

extension FunctionRoute {
  fileprivate var json: JSONValue { .object([("route", .string(pattern)), ("runs", .string(runs))]) }
}

extension SerialLaneReport {
  fileprivate var json: JSONValue {
    var call: JSONValue = .null
    if let running {
      call = .object([
        ("route", .string(running.label)), ("request", .string("\(running.request)")),
        ("milliseconds", JSONValue(running.age / 1_000_000)),
      ])
    }
    return .object([("library", .string(name)), ("running", call), ("waiting", JSONValue(waiting))])
  }
}
