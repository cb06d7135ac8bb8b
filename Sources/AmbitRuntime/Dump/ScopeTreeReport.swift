public import AmbitCore
internal import AmbitSystem
internal import Logging

/// The scopes and jobs of all loops at one moment, for the admin API.
public struct ScopeTreeReport: Codable, Sendable {
  /// Of the loops that answered, in their order.
  private let trees: [ScopeTree]
  /// Loops that did not answer in time, of which nothing is known.
  public let blockedLoops: [Int]
  /// Which worker's loops they are, for lines that show several workers; nil if there is one.
  public var worker: Int?
  /// The worker has not answered, so there are no trees.
  public private(set) var isSilent = false

  init(_ trees: [ScopeTree], blockedLoops: [Int]) { (self.trees, self.blockedLoops) = (trees, blockedLoops) }

  /// Of a worker that has not answered.
  public static func silence(ofWorker worker: Int) -> ScopeTreeReport {
    var report = ScopeTreeReport([], blockedLoops: [])
    (report.worker, report.isSilent) = (worker, true)
    return report
  }

  /// How many scopes and jobs were left out for lack of room.
  public var leftOut: Int { trees.reduce(0) { $0 &+ $1.scopesLeftOut &+ $1.jobsLeftOut } }

  /// One line for each scope and job, from each root down, loop by loop. Each line is made when it is asked for: the
  /// lines of many loops take more memory than the tree.
  public var lines: some Sequence<ScopeTreeLine> {
    trees.lazy.flatMap { [worker] tree in
      tree.entries.lazy.map { ScopeTreeLine($0, loop: tree.loop, worker: worker) }
    }
  }
}

extension LoopGroup {
  /// Copies what SIGUSR2 writes to the log: the first thousand scopes and jobs of each loop. Waits for at most
  /// `timeout` nanoseconds. From threads that may block.
  public func scopeTree(timeout: Int64 = 1_000_000_000) -> ScopeTreeReport {
    let trees = scopeTrees(timeout: timeout).sorted { $0.loop < $1.loop }
    return ScopeTreeReport(
      trees, blockedLoops: loops.indices.filter { index in !trees.contains { $0.loop == index } })
  }
}

extension [ScopeTreeReport] {
  /// Passes the text for people to `write`, in pieces, until that returns false.
  public func writeText(_ write: ([UInt8]) -> Bool) {
    var pieces = Pieces()
    for report in self {
      for line in report.lines { guard pieces.add(line.text + "\n", write) else { return } }
    }
    var last = leftOut == 0 ? "" : "left out: \(leftOut == 1 ? "1 scope or job" : "\(leftOut) scopes and jobs")\n"
    for report in self {
      let worker = report.worker.map { "worker \($0): " } ?? ""
      if report.isSilent { last += "\(worker)it did not answer in time\n" }
      for loop in report.blockedLoops { last += "\(worker)event loop \(loop) did not answer in time\n" }
    }
    guard pieces.add(last, write) else { return }
    _ = write(pieces.rest)
  }

  /// Passes the JSON for programs to `write`, in pieces, until that returns false. Each entry has a line.
  public func writeJSON(_ write: ([UInt8]) -> Bool) {
    var pieces = Pieces()
    var separator = "{\n  \"entries\": ["
    for report in self {
      for line in report.lines {
        guard pieces.add("\(separator)\n    \(line.json.line)", write) else { return }
        separator = ","
      }
    }
    if separator != "," { guard pieces.add(separator, write) else { return } }
    let blocked = JSONValue.array(flatMap { report in report.blockedLoops.map { report.blocked($0) } }).line
    let silent = JSONValue.array(filter(\.isSilent).compactMap(\.worker).map { JSONValue($0) }).line
    _ = pieces.add(
      "\n  ],\n  \"left_out\": \(leftOut),\n  \"blocked_loops\": \(blocked),\n  \"silent_workers\": \(silent)\n}\n", write)
    _ = write(pieces.rest)
  }

  private var leftOut: Int { reduce(0) { $0 + $1.leftOut } }
}

extension ScopeTreeReport {
  fileprivate func blocked(_ loop: Int) -> JSONValue {
    guard let worker else { return JSONValue(loop) }
    return .object([("worker", JSONValue(worker)), ("loop", JSONValue(loop))])
  }
}

/// Collects short texts into pieces that are worth a write.
private struct Pieces {
  private static let size = 64 * 1024
  private(set) var rest: [UInt8] = []

  /// Adds a text, and writes when a piece is full.
  /// - Returns: false if nothing more can be written.
  mutating func add(_ text: String, _ write: ([UInt8]) -> Bool) -> Bool {
    rest += text.utf8
    guard rest.count >= Self.size else { return true }
    defer { rest.removeAll(keepingCapacity: true) }
    return write(rest)
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

  /// - Parameter worker: whose loop it is; nil if there is one worker.
  init(_ entry: ScopeTree.Entry, loop: Int, worker: Int? = nil) {
    let indentation = String(repeating: "  ", count: Int(entry.depth))
    fields = entry.scope.fields
    if let worker { fields["worker"] = "\(worker)" }
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
