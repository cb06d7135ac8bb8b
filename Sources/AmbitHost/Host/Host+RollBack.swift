internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// What the host does about plugins that are to blame for crashes: see `Faults`. For the control thread.

extension Host {
  /// How long requests of a generation that is to blame may go on, in nanoseconds: it may crash again meanwhile.
  private static var timeToLeave: Duration { .seconds(1) }
  /// The time between two looks at generations that are not proven, in nanoseconds.
  private static var lookInterval: Int64 { 1_000_000_000 }
  /// How long the event loops may take to answer at a look, in nanoseconds.
  private static var timeToLook: Int64 { 100_000_000 }

  /// Does what deaths of workers have led to: rolls plugins back, and tells the workers of quarantines.
  func followFaults() {
    while !signals.isTerminating, let order = workers.faults.nextRollBack {
      _ = DescriptorReserve.shared.lend { rollBack(order, drain: min(configuration.drainTimeout, Self.timeToLeave)) }
    }
    if workers.faults.takeUnpublished() {
      workers.publishSuspensions(drain: min(configuration.drainTimeout, Self.timeToLeave))
    }
  }

  /// Carries out what clients of the admin API want to be rolled back.
  func rollBackOnRequest() {
    while let (plugin, answer) = rollBacks.next() {
      answer.arrive(DescriptorReserve.shared.lend { rollBackOnRequest(plugin) })
    }
  }

  private func rollBackOnRequest(_ plugin: String) -> RollBackReport {
    guard let serving = repository.serving[plugin], !serving.isLibrary else {
      let names = repository.serving.values.filter { !$0.isLibrary }.map(\.name).sorted().joined(separator: ", ")
      return RollBackReport(
        plugin: plugin, errors: ["no plugin \(plugin) serves; these do: \(names.isEmpty ? "none" : names)"])
    }
    let order = RollBackOrder(plugin: plugin, label: serving.label, crash: nil, decided: Clock.monotonic)
    return rollBack(order, drain: configuration.drainTimeout)
  }

  /// Has all workers serve the content before the present one of a plugin. If that fails after a crash, the plugin is
  /// quarantined.
  private func rollBack(_ order: RollBackOrder, drain: Duration) -> RollBackReport {
    do throws(HostError) {
      let report = try serveContentBefore(order, drain)
      // Not before all workers serve it: the disk may take long.
      keepLastGood()
      return report
    } catch {
      if let crash = order.crash, !signals.isTerminating {
        for line in error.lines { logger.error("\(line)") }
        workers.faults.quarantine(order.plugin, because: "a crash, and its roll-back failed", crash)
      }
      return RollBackReport(plugin: order.plugin, from: order.label, errors: error.lines)
    }
  }

  private func serveContentBefore(
    _ order: RollBackOrder, _ drain: Duration
  ) throws(HostError) -> RollBackReport {
    guard let before = repository.serving[order.plugin] else {
      throw HostError(["plugin \(order.plugin) does not serve any more"])
    }
    let target = workers.faults.target(of: order.plugin)
    if target == nil { try requireLastGood(insteadOf: before) }
    workers.inherited.withLock { $0[order.plugin] = target?.states ?? [:] }
    defer { workers.inherited.withLock { $0[order.plugin] = nil } }
    let refusal = before.rolledBack(because: order.crash)
    let mark = PlannedGeneration.RollBack(
      reason: "rolled back: \(order.crash ?? "ambit rollback")", contentOf: target?.planned.label)
    let planned: PlannedGeneration
    do throws(HostError) {
      let state = target?.states.min { $0.key < $1.key }?.value
      planned = try serve(try plan(mark, insteadOf: before, from: target?.planned, state), because: refusal)
    } catch {
      let content = target.map { "the content of \($0.planned.label)" } ?? "its last good copy"
      throw HostError(error.lines.map { "\(before.label) is not rolled back: \(content) cannot serve: \($0)" })
    }
    // The file may have another name than when that content served.
    repository.serving[order.plugin]?.file = before.file
    repository.refuse(before.copy.hash, because: refusal)
    workers.retire(drain: drain)
    let report = RollBackReport(
      plugin: order.plugin, from: before.label, to: planned.label, contentOf: mark.contentOf,
      hash: planned.copy.hash?.description, duration: Clock.monotonic - order.decided)
    log(report, order, planned)
    return report
  }

  /// - Throws: if there is no last good copy of another content, or it was to blame before.
  private func requireLastGood(insteadOf plugin: ServingPlugin) throws(HostError) {
    let ledger = workers.faults.ledger
    let lastGood = repository.otherLastGood(of: plugin.file, besides: plugin.copy.hash)
    guard lastGood == nil || ledger.isBad(lastGood, of: plugin.name) else { return }
    let others = ledger.history(of: plugin.name).filter { $0.hash != plugin.copy.hash?.description }.map(\.label)
    let reason =
      others.isEmpty
      ? "this host has served none"
      : "what else this host has served was rolled back, quarantined or to blame for a crash "
        + "(\(others.joined(separator: ", ")))"
    throw HostError([
      "plugin \(plugin.name) (\(plugin.file.path)): there is no other content to go back to: \(reason), and there is "
        + "no other last good copy"
    ])
  }

  private func plan(
    _ mark: PlannedGeneration.RollBack, insteadOf before: ServingPlugin, from earlier: PlannedGeneration?,
    _ state: HandedOverState?
  ) throws(HostError) -> ReloadPlan {
    do throws(PluginError) {
      return try repository.planRollBack(of: before, to: earlier, state, mark, configuration, asking: workers)
    } catch {
      throw HostError(error)
    }
  }

  /// Has all workers serve a planned roll-back: those that serve, or new ones if only these can load it.
  private func serve(_ plan: ReloadPlan, because refusal: PluginError) throws(HostError) -> PlannedGeneration {
    var plan = plan
    let needsNewWorkers = !plan.filesForNewWorkers.isEmpty
    if needsNewWorkers {
      plan = plan.takeForNewWorkers()
    } else {
      let preparation = workers.prepare(plan.generations, within: configuration.dryRunTimeout)
      workers.abort(repository.settle(&plan, preparation, configuration))
      try repository.failIfStopping()
    }
    guard let planned = plan.generations.first else { throw HostError(plan.refusals.lines) }
    plan.fallbacks[planned.file] = refusal
    if needsNewWorkers { try replaceWorkers(toServe: plan) } else { _ = try workers.commit(plan) }
    repository.adopt(plan)
    return planned
  }

  private func log(_ report: RollBackReport, _ order: RollBackOrder, _ planned: PlannedGeneration) {
    let reason = order.crash.map { ", because of a crash before it was proven: \($0)" } ?? " by ambit rollback"
    logger.log(
      level: order.crash == nil ? .notice : .error,
      """
      plugin \(order.label) is rolled back\(reason); \(report.successor) serves in its place, and the content of \
      \(planned.file) is refused until it changes or "ambit reload --retry \(order.plugin)" tries it again
      """, metadata: ["plugin": "\(planned.label)", "ms": "\(report.milliseconds)"])
  }
}

// Generations are proven.

extension Host {
  /// When to look next whether generations are proven, in nanoseconds from now; nil if there is nothing to find out.
  var timeUntilLook: Int64? {
    let now = Clock.monotonic
    guard !workers.faults.ledger.onProbation(at: now).isEmpty else { return isOnProbation ? 0 : nil }
    isOnProbation = true
    return max(lastLook + Self.lookInterval - now, 0)
  }

  /// Finds out which generations are proven. Their contents are last good copies from now on.
  func lookIfDue() {
    guard timeUntilLook == 0 else { return }
    lastLook = Clock.monotonic
    let faults = workers.faults
    let proven = faults.look(workers.begunRequests(within: Self.timeToLook))
    isOnProbation = !faults.ledger.onProbation(at: lastLook).isEmpty
    for plugin in proven {
      guard let record = faults.ledger.current(plugin), record.isPlugin else { continue }
      logger.debug("plugin \(record.label) is proven", metadata: ["plugin": "\(record.label)"])
    }
    if !proven.isEmpty { keepLastGood() }
  }

  /// Keeps last good copies of what serves, but not of generations that a crash would roll back, and not of contents
  /// that were to blame before.
  /// - Parameter untried: the plugins that no worker has tried before it served them: no copies of these, either.
  func keepLastGood(except untried: Set<String> = []) {
    let faults = workers.faults
    let inDoubt = faults.ledger.inDoubt(at: Clock.monotonic)
    repository.keepLastGood(
      except: Set(inDoubt), untried, besides: inDoubt.compactMap { faults.target(of: $0)?.planned.copy })
  }
}
