public import AmbitCore
internal import AmbitSystem
internal import Logging

/// The scopes and jobs of all loops at one moment, to be shown.
public struct ScopeTreeReport: Sendable {
  /// From each root down, loop by loop.
  public let lines: [ScopeTreeLine]
  /// Scopes and jobs for which there was no place.
  public let leftOut: Int
  /// Loops that did not turn in time, of which nothing is known.
  public let silentLoops: [Int]
}

extension LoopGroup {
  /// Copies what the log gets on SIGUSR2: the first thousand scopes and jobs of each loop. Waits for at most `patience`
  /// nanoseconds. From threads that may block.
  public func scopeTree(patience: Int64 = 1_000_000_000) -> ScopeTreeReport {
    let trees = scopeTrees(patience: patience).sorted { $0.loop < $1.loop }
    return ScopeTreeReport(
      lines: trees.flatMap { tree in tree.entries.map { ScopeTreeLine($0, loop: tree.loop) } },
      leftOut: trees.reduce(0) { $0 + $1.scopesLeftOut + $1.jobsLeftOut },
      silentLoops: loops.indices.filter { index in !trees.contains { $0.loop == index } })
  }
}

extension ScopeTreeReport {
  public var text: String {
    var lines = lines.map(\.text)
    if leftOut > 0 { lines.append(leftOut == 1 ? "left out: 1 scope or job" : "left out: \(leftOut) scopes and jobs") }
    lines += silentLoops.map { "loop \($0) did not turn in time" }
    return lines.map { $0 + "\n" }.joined()
  }

  public var json: JSONValue {
    .object([
      ("entries", .array(lines.map(\.json))),
      ("left_out", JSONValue(leftOut)),
      ("silent_loops", .array(silentLoops.map { JSONValue($0) })),
    ])
  }
}

extension ScopeTreeLine {
  /// As the log shows it, without time and level.
  public var text: String { TextLine.text(message, LogField.inOrder(fields)) }

  /// What it is and its fields, with the names and texts of the log.
  public var json: JSONValue {
    let members = LogField.inOrder(fields).map { (name: $0.key, value: JSONValue.string($0.value)) }
    return .object([("entry", .string(String(message.trimmingPrefix { $0 == " " })))] + members)
  }
}
