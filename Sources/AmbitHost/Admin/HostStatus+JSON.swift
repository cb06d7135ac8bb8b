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
      ("loops", .array((0..<worker.loopCount).map(json(ofLoop:)))),
      ("generations", .array(worker.generations.map(\.json))),
      ("residents", residentsJSON),
      ("waiting_for_reload", JSONValue(waitingForReload)),
      ("reloads", .array(content.reloads.map(\.json))),
    ])
  }

  private var residentsJSON: JSONValue {
    let memory = worker.residents.reduce(0) { $0 + $1.memory }
    return .object([("count", JSONValue(worker.residents.count)), ("memory_bytes", JSONValue(memory))])
  }

  private func json(ofLoop index: Int) -> JSONValue {
    let report = worker.loops.first { $0.loop.loop == index }
    func figure(_ value: (ServerReport) -> Int) -> JSONValue { report.map { JSONValue(value($0)) } ?? .null }
    return .object([
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
      ("held_by", .array(holders.map(JSONValue.string))),
      ("stays_because", JSONValue(residentReason)),
      ("last_good_because", .array(lastGoodBecause.map(JSONValue.string))),
      ("memory_bytes", JSONValue(memory)),
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
