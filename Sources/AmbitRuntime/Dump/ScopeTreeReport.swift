public import AmbitCore
internal import AmbitSystem
internal import Logging

/// The scopes and jobs of all loops at one moment, for the admin API.
public struct ScopeTreeReport: Sendable {
  /// One line for each scope and job, from each root down, loop by loop.
  public let lines: [ScopeTreeLine]
  /// How many scopes and jobs were left out for lack of room.
  public let leftOut: Int
  /// Loops that did not answer in time, of which nothing is known.
  public let blockedLoops: [Int]
}

extension LoopGroup {
  /// Copies what SIGUSR2 writes to the log: the first thousand scopes and jobs of each loop. Waits for at most
  /// `timeout` nanoseconds. From threads that may block.
  public func scopeTree(timeout: Int64 = 1_000_000_000) -> ScopeTreeReport {
    let trees = scopeTrees(timeout: timeout).sorted { $0.loop < $1.loop }
    return ScopeTreeReport(
      lines: trees.flatMap { tree in tree.entries.map { ScopeTreeLine($0, loop: tree.loop) } },
      leftOut: trees.reduce(0) { $0 + $1.scopesLeftOut + $1.jobsLeftOut },
      blockedLoops: loops.indices.filter { index in !trees.contains { $0.loop == index } })
  }
}

extension ScopeTreeReport {
  public var text: String {
    var lines = lines.map(\.text)
    if leftOut > 0 { lines.append(leftOut == 1 ? "left out: 1 scope or job" : "left out: \(leftOut) scopes and jobs") }
    lines += blockedLoops.map { "event loop \($0) did not answer in time" }
    return lines.map { $0 + "\n" }.joined()
  }

  public var json: JSONValue {
    .object([
      ("entries", .array(lines.map(\.json))),
      ("left_out", JSONValue(leftOut)),
      ("blocked_loops", .array(blockedLoops.map { JSONValue($0) })),
    ])
  }
}

extension ScopeTreeLine {
  /// The line of the log, without time and level.
  public var text: String { TextLine.text(message, LogField.inOrder(fields)) }

  /// What the line is about as `entry`, and the fields of the log's line.
  public var json: JSONValue {
    let members = LogField.inOrder(fields).map { (name: $0.key, value: JSONValue.string($0.value)) }
    return .object([("entry", .string(String(message.trimmingPrefix { $0 == " " })))] + members)
  }
}

extension LoopGroup {
  /// Logs the scopes and jobs of each loop as of its next turn: a line for each of the first thousand, and a count of
  /// the rest. From the control thread only, which writes the lines: a loop is blocked only while it copies.
  ///
  /// Waits for at most `timeout` nanoseconds: for a blocked loop it logs that it is blocked. It waits no longer for a
  /// slow reader of the log.
  public func logScopeTree(timeout: Int64 = 1_000_000_000) {
    let logger = Logger(label: "ambit")
    logger.info("scope tree", metadata: ["loops": "\(loops.count)"])
    let trees = scopeTrees(timeout: timeout)
    var isRead = true
    for index in loops.indices {
      guard let tree = trees.first(where: { $0.loop == index }) else {
        logger.warning("event loop blocked for \(timeout / 1_000_000) ms", metadata: ["loop": "\(index)"])
        continue
      }
      log(tree, to: logger)
      // The dump may be larger than the log's buffer, so let the reader catch up.
      isRead = isRead && LineOutput.standardError.flush(within: timeout)
    }
    logger.info(
      "scope tree done",
      metadata: [
        "entries": "\(trees.reduce(0) { $0 + $1.entries.count })",
        "stuck_jobs": "\(trees.reduce(0) { $0 + $1.stuckJobs })", "stalls": "\(stallCount)",
      ])
  }

  /// The trees of the loops that answer within `timeout` nanoseconds, in any order.
  func scopeTrees(timeout: Int64) -> [ScopeTree] {
    onEach(within: timeout) { ScopeTreeWalk.tree(of: $0) }
  }

  private func log(_ tree: ScopeTree, to logger: Logger) {
    for entry in tree.entries {
      let line = ScopeTreeLine(entry, loop: tree.loop)
      logger.info("\(line.message)", metadata: line.fields)
    }
    guard tree.scopesLeftOut + tree.jobsLeftOut > 0 else { return }
    logger.info(
      "scope tree incomplete: scopes with their contents, and jobs of scopes shown above, were left out",
      metadata: ["loop": "\(tree.loop)", "scopes": "\(tree.scopesLeftOut)", "jobs": "\(tree.jobsLeftOut)"])
  }
}

/// One line of the log about a scope or a job: the message is indented for people, the fields are complete for
/// programs.
public struct ScopeTreeLine: Sendable {
  let message: String
  private(set) var fields: Logger.Metadata

  init(_ entry: ScopeTree.Entry, loop: Int) {
    let indentation = String(repeating: "  ", count: entry.depth)
    fields = entry.scope.fields
    fields["loop"] = "\(loop)"
    switch entry.subject {
    case .scope(let scope):
      message = "\(indentation)scope \(scope.kind)"
      add(scope)
    case .job(let job):
      message = indentation + (job.isHandler ? "handler" : "job")
      add(job)
    }
  }

  private mutating func add(_ scope: ScopeReport) {
    fields["state"] = "\(scope.state == .open && scope.isRetiring ? "retiring" : "\(scope.state)")"
    fields["age_ms"] = milliseconds(scope.age)
    fields["jobs"] = "\(scope.jobs)"
    if let parent = scope.parent { fields["parent"] = "\(parent)" }
    if scope.cause != .none { fields["cause"] = "\(scope.cause)" }
    if let timeLeft = scope.timeLeft { fields["deadline_ms"] = milliseconds(timeLeft) }
  }

  private mutating func add(_ job: JobReport) {
    if !job.name.isEmpty { fields[LogField.job] = "\(job.name)" }
    fields["state"] = "\(job.state.text)"
    fields["age_ms"] = milliseconds(job.age)
    if let wait = job.wait {
      fields["waits_for"] = "\(wait.kind.rawValue)"
      fields["waits_ms"] = milliseconds(wait.time)
    }
    if job.isStuck { fields["stuck"] = "true" }
    if let stackBytes = job.stackBytes { fields["stack_bytes"] = "\(stackBytes)" }
  }

  private func milliseconds(_ nanoseconds: Int64) -> Logger.MetadataValue { "\(nanoseconds / 1_000_000)" }
}
