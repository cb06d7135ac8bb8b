internal import AmbitCore
internal import AmbitSystem

/// The generations of one plugin that have served, for the admin API.
struct PluginHistory: Sendable {
  private let generations: [Generation]

  private struct Generation {
    let record: GenerationRecord
    /// "serving", "quarantined" or "ended".
    let state: String
    /// Why it has ended or does not run, or what the operator should know of one that serves.
    let reason: String
  }

  /// - Parameter name: of the plugin; of a library also the last part of its path.
  /// - Returns: nil if no such plugin has served.
  init?(of name: String, in ledger: FaultLedger) {
    let plugins = ledger.plugins
    let found = plugins.first { $0 == name } ?? plugins.first { ledger.history(of: $0).last?.shortName == name }
    guard let plugin = found else { return nil }
    generations = ledger.history(of: plugin).map { record in
      if let end = record.end { return Generation(record: record, state: "ended", reason: end.reason) }
      if let quarantine = ledger.quarantines[plugin] {
        return Generation(record: record, state: "quarantined", reason: "quarantined: \(quarantine.text)")
      }
      return Generation(record: record, state: "serving", reason: Self.outlook(of: record, plugin, ledger))
    }
  }

  private static func outlook(of record: GenerationRecord, _ plugin: String, _ ledger: FaultLedger) -> String {
    let rollBack = ledger.rollBacks.first { $0.plugin == plugin }
    if let rollBack { return "is being rolled back" + (rollBack.crash.map { ": \($0)" } ?? "") }
    guard ledger.isOnProbation(plugin, at: Clock.monotonic) else { return "serves" }
    let target = ledger.target(of: plugin)?.label ?? "the last good copy"
    return "serves; a crash before it is proven rolls it back to \(target)"
  }

  /// For people: a line for each generation.
  var text: String {
    var table = TextTable()
    table.add("GENERATION", "SHA-256", "SINCE", "UNTIL", "CRASHES", "REASON")
    for generation in generations {
      let record = generation.record
      let content = record.contentOf.map { "content of \($0); " } ?? ""
      table.add(
        record.label, record.hash.map { String($0.prefix(12)) } ?? "-", Timestamp.text(of: record.began),
        record.end.map { Timestamp.text(of: $0.at) } ?? "-", "\(record.crashes)", content + generation.reason)
    }
    return table.lines.map { "\($0.printable)\n" }.joined()
  }

  var json: JSONValue {
    .object([("generations", .array(generations.map(json(of:))))])
  }

  private func json(of generation: Generation) -> JSONValue {
    let record = generation.record
    return .object([
      ("generation", .string(record.label)), ("sha256", JSONValue(record.hash)),
      ("since", .string(Timestamp.text(of: record.began))),
      ("until", JSONValue(record.end.map { Timestamp.text(of: $0.at) })), ("state", .string(generation.state)),
      ("reason", .string(generation.reason)), ("content_of", JSONValue(record.contentOf)),
      ("crashes", JSONValue(record.crashes)), ("proven", .bool(record.isProven)),
    ])
  }
}

extension GenerationRecord {
  /// The name in its label.
  fileprivate var shortName: String { label.split(separator: "/").dropLast().joined(separator: "/") }
}
