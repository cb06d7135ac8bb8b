internal import AmbitSystem
internal import Logging

extension LoopGroup {
  /// Writes the scopes and jobs of each loop, as they are in its next turn, to the log: a line for each of the first
  /// thousand, and a count of the rest. From the control thread only, which does the writing: a loop is held up for
  /// the copying alone.
  ///
  /// Waits for at most `patience` nanoseconds: a loop that does not turn, since something on it computes or blocks, is
  /// named in place of its tree. Nor does it wait longer for who reads the log.
  public func logScopeTree(patience: Int64 = 1_000_000_000) {
    let logger = Logger(label: "ambit")
    logger.info("scope tree", metadata: ["loops": "\(loops.count)"])
    let trees = scopeTrees(patience: patience)
    var isRead = true
    for index in loops.indices {
      guard let tree = trees.first(where: { $0.loop == index }) else {
        logger.warning("the loop has not turned for \(patience / 1_000_000) ms", metadata: ["loop": "\(index)"])
        continue
      }
      log(tree, to: logger)
      // More than the log keeps for a reader may come at once.
      isRead = isRead && LineOutput.standardError.flush(within: patience)
    }
    logger.info(
      "scope tree done",
      metadata: [
        "entries": "\(trees.reduce(0) { $0 + $1.entries.count })",
        "stuck_jobs": "\(trees.reduce(0) { $0 + $1.stuckJobs })", "stalls": "\(stallCount)",
      ])
  }

  /// The trees of the loops that turn within `patience` nanoseconds, in any order.
  func scopeTrees(patience: Int64) -> [ScopeTree] {
    onEach(within: patience) { ScopeTreeWalk.tree(of: $0) }
  }

  private func log(_ tree: ScopeTree, to logger: Logger) {
    for entry in tree.entries {
      let line = ScopeTreeLine(entry, loop: tree.loop)
      logger.info("\(line.message)", metadata: line.fields)
    }
    guard tree.scopesLeftOut + tree.jobsLeftOut > 0 else { return }
    logger.info(
      "left out: scopes with all that is in them, and jobs of scopes shown above",
      metadata: ["loop": "\(tree.loop)", "scopes": "\(tree.scopesLeftOut)", "jobs": "\(tree.jobsLeftOut)"])
  }
}
