internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime

extension HostStatus {
  /// For programs; the catalogue of this target documents each member.
  var json: JSONValue {
    .object([
      ("version", .string("\(AmbitVersion.text)")),
      ("pid", JSONValue(HostProcess.identifier)),
      ("state", .string(content.phase.rawValue)),
      ("since", .string(Timestamp.text(of: began))),
      ("uptime_seconds", JSONValue((now - began) / 1_000_000_000)),
      ("configuration", JSONValue(configuration)),
      ("listen", .array(content.addresses.map(JSONValue.string))),
      ("connections", JSONValue(connections)),
      ("requests", JSONValue(requests)),
      ("loops", .array((0..<loopCount).map(json(ofLoop:)))),
      ("generations", .array(content.generations.map(json(of:)))),
      ("ended_generations", JSONValue(content.ended)),
      ("waiting_for_reload", JSONValue(waitingForReload)),
      ("reloads", .array(content.reloads.map(\.json))),
    ])
  }

  private func json(ofLoop index: Int) -> JSONValue {
    let report = loops.first { $0.loop.loop == index }
    return .object([
      ("loop", JSONValue(index)),
      ("answers", .bool(report != nil)),
      ("connections", report.map { JSONValue($0.connections) } ?? .null),
      ("requests", report.map { JSONValue($0.loop.requests) } ?? .null),
      ("scopes", report.map { JSONValue($0.loop.scopes) } ?? .null),
    ])
  }

  private func json(of entry: StatusBoard.Entry) -> JSONValue {
    let generation = entry.generation
    return .object([
      ("generation", .string(generation.label)),
      ("plugin", .string(generation.plugin.declaration.name)),
      ("version", .string(generation.plugin.declaration.version)),
      ("sha256", .string(generation.plugin.copy.hash.description)),
      ("file", .string(generation.plugin.copy.file.path)),
      ("copy", .string(generation.plugin.copy.path)),
      ("state", .string(entry.state)),
      ("since", .string(Timestamp.text(of: entry.since))),
      ("routes", .array(generation.routes.map { .string($0.pattern.description) })),
    ])
  }
}

extension StatusBoard.Entry {
  var state: String { isRetiring ? "retiring" : "serving" }
}
