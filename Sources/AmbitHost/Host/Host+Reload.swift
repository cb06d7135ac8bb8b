internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem
internal import Logging
internal import Synchronization

extension Host {
  /// Reads the configuration and the plugin directory again, and serves what is new or changed. If something fails,
  /// what served before stays in service. The outcome goes to the log and to the clients that wait for the reload.
  func reload() {
    let waiting = reloads.takeWaiting()
    followFaults()
    service.reloading()
    state.enter(.reloading)
    workers.refreshProcess()
    restoreAdminSocket()
    let retried = Set(waiting.compactMap(\.retried))
    let needless = needlessRetries(retried)
    for line in needless.values.sorted() { logger.error("\(line)") }
    let outcome = DescriptorReserve.shared.lend { reloadNow(retrying: retried.subtracting(needless.keys)) }
    state.record(outcome)
    state.enter(.serving)
    // Before the answers: when `ExecReload=ambit reload` returns, systemd takes the reload for over.
    service.ready(status: serviceStatus)
    for client in waiting {
      var outcome = outcome
      // The others that wait for this reload have not asked for that.
      outcome.notRetried = client.retried.flatMap { needless[$0] }
      client.answer.arrive(outcome)
    }
  }

  /// Why plugins that clients want to be tried again are not, a line each, by name.
  private func needlessRetries(_ plugins: Set<String>) -> [String: String] {
    let quarantines = workers.faults.ledger.quarantines
    var reasons: [String: String] = [:]
    for plugin in plugins where !repository.isRolledBack(plugin) && quarantines[plugin] == nil {
      if let serving = repository.serving[plugin] {
        reasons[plugin] =
          "--retry \(plugin): expected a plugin that is quarantined or was rolled back, found \(serving.label), which "
          + "serves: it was not tried again"
      } else {
        let near = suggestion(for: plugin, among: repository.serving.keys.sorted())
        reasons[plugin] =
          "--retry \(plugin): no plugin of this name serves, so nothing was tried again"
          + (near.map { "; did you mean \($0)?" } ?? "")
      }
    }
    return reasons
  }

  /// - Parameter retried: the plugins that are to be tried again although they are quarantined or were rolled back.
  private func reloadNow(retrying retried: Set<String>) -> ReloadOutcome {
    let (began, start) = (Clock.wall, ContinuousClock.now)
    var (changes, ignored, errors): ([PluginChange], [String], [String]) = ([], [], [])
    var (newWorkers, oldWorkers): ([String], [String]) = ([], [])
    var change = ListenerSet.Change()
    var hangLimit: String?
    let confinementBefore = repository.confinement
    do throws(HostError) {
      let blocked = workers.blockedLoops()
      try repository.failIfStopping()
      beginRetry(retried)
      defer { endRetry(retried) }
      guard blocked.isEmpty else {
        hangLimit = useHangLimit()
        throw HostError(blocked)
      }
      restoreListeners()
      let text = try source.textAgain()
      let configuration = try text.parse()
      let confinement = try confine(configuration)
      let listening = try prepareListeners(configuration)
      let later: ReloadPlan
      do throws(HostError) {
        (changes, later) = try loadPluginsAfterRollBacks(configuration)
      } catch {
        abandonListeners(listening)
        throw error
      }
      change = listening
      commitListeners(change)
      ignored = adopt(configuration, text)
      // New workers that bring another version of a plugin end its roll-back.
      if later.generations.isEmpty { followFaults() }
      (newWorkers, oldWorkers) = replaceWorkers(configuration, text, confinement, later, &changes)
      stopInTime()
    } catch {
      errors = error.lines
      try? repository.confine(by: confinementBefore)
    }
    workers.noteServingCopies()
    var outcome = ReloadOutcome(
      began: began, duration: ContinuousClock.now - start, changes: changes, ignored: ignored, errors: errors)
    (outcome.newWorkers, outcome.oldWorkers, outcome.hangLimit) = (newWorkers, oldWorkers, hangLimit)
    (outcome.opened, outcome.closed) = (change.added.map(\.socket.url), change.removed.map(\.socket.url))
    log(outcome)
    return outcome
  }

  private func log(_ outcome: ReloadOutcome) {
    for line in outcome.errors + outcome.changes.flatMap(\.reasons) + outcome.oldWorkers { logger.error("\(line)") }
    for change in outcome.changes {
      if let reason = change.inUse?.text, change.inUse?.isReplaced == true {
        logger.warning("library \(change.file) is used in place: \(reason)")
      }
    }
    for key in outcome.ignored {
      logger.warning("\(key) has changed in the configuration; the change takes effect at the next start")
    }
    guard outcome.result != .refused else {
      return logger.error("reload refused, \(outcome.unchanged)", metadata: ["errors": "\(outcome.errors.count)"])
    }
    var fields: Logger.Metadata = ["ms": "\(outcome.milliseconds)", "configuration": "\(source.location)"]
    if source.path == nil { fields["configuration"] = "defaults in \(source.folder)" }
    for (kind, count) in outcome.counts { fields[kind.rawValue] = "\(count)" }
    if !outcome.newWorkers.isEmpty { fields["workers"] = outcome.oldWorkers.isEmpty ? "replaced" : "not replaced" }
    if !outcome.ignored.isEmpty { fields["ignored"] = "\(outcome.ignored.count)" }
    if outcome.result == .done {
      logger.info("reload done", metadata: fields)
    } else {
      logger.error("reload done with failures", metadata: fields)
    }
  }

  /// Loads plugins, and begins anew whenever a plugin is to be rolled back meanwhile: dry runs may take long.
  private func loadPluginsAfterRollBacks(
    _ configuration: HostConfiguration
  ) throws(HostError) -> (changes: [PluginChange], later: ReloadPlan) {
    while true {
      do throws(HostError) {
        return try workers.faults.whileControlThread(.reloads) { () throws(HostError) in
          try loadPlugins(configuration, refusing: false)
        }
      } catch {
        guard error.isInterruption, !signals.isTerminating else { throw error }
        logger.notice("the reload begins anew when a plugin is rolled back")
        followFaults()
      }
    }
  }

  /// Plans what is new in the configuration and the plugin directory, makes the worker serve it, and retires the
  /// generations that it replaces.
  /// - Parameters:
  ///   - refusing: one plugin that fails refuses the whole. Otherwise plugins reload independently.
  ///   - fallingBack: at the start, the last good copy takes the place of a file that fails.
  /// - Returns: the changes, and what only new workers can load: see `replaceWorkers`.
  func loadPlugins(
    _ configuration: HostConfiguration, refusing: Bool, fallingBack: Bool = false
  ) throws(HostError) -> (changes: [PluginChange], later: ReloadPlan) {
    var plan = try repository.plan(configuration, asking: workers, fallingBack: fallingBack)
    for notice in plan.notices { logger.notice("\(notice)") }
    do throws(HostError) {
      try plan.validate(refusing: refusing)
    } catch {
      repository.discard(plan)
      throw error
    }
    for error in plan.routeErrors { logger.warning("\(error)") }
    let later = plan.takeForNewWorkers()
    do throws(HostError) {
      try prepare(&plan, configuration, fallingBack: fallingBack)
    } catch {
      repository.discard(later)
      throw error
    }
    if signals.isTerminating || refusing && !plan.refusals.isEmpty {
      workers.endPrepared()
      // A host that serves waits for these generations together with the others.
      if state.current.phase == .starting { workers.waitForEnd(by: ShutdownDeadline(of: self)) }
      try repository.failIfStopping()
      throw HostError(plan.refusals.lines)
    }
    return (try commit(plan, configuration), later)
  }

  /// Makes the worker load and start the generations of the plan. The plan refuses generations that fail.
  /// - Throws: if a plugin is to be rolled back first. Then the workers run none of the generations.
  private func prepare(
    _ plan: inout ReloadPlan, _ configuration: HostConfiguration, fallingBack: Bool
  ) throws(HostError) {
    let limit = configuration.dryRunTimeout
    let preparation = workers.prepare(plan.generations, within: limit)
    if workers.faults.breaksReloadOff {
      workers.abort(Array(preparation.prepared.keys))
      repository.abandon(plan, preparation)
      throw .interruption
    }
    for planned in plan.generations where preparation.untried.contains(planned.name) {
      plan.untried.insert(planned.name)
      plan.notes[planned.file, default: []].append(
        "served without a try in a running worker, because the workers crash again and again")
    }
    workers.abort(repository.settle(&plan, preparation, configuration))
    guard fallingBack, !plan.refusals.isEmpty,
      let fallbacks = repository.planFallbacks(for: &plan, configuration, asking: workers)
    else { return }
    plan.generations += fallbacks.generations
    let second = workers.prepare(fallbacks.generations, within: limit)
    workers.abort(repository.settle(&plan, second, configuration))
  }

  /// Makes the worker serve what it has prepared, then reports the changes, keeps last good copies, and retires old
  /// generations.
  private func commit(_ plan: ReloadPlan, _ configuration: HostConfiguration) throws(HostError) -> [PluginChange] {
    let report = try workers.commit(plan)
    if !report.isComplete {
      logger.warning("an event loop is blocked: its clients wait until it runs again, and get the new routes then")
    }
    let before = repository.serving
    repository.adopt(plan)
    let changes = noteQuarantines(
      PluginChange.all(from: before, to: repository.serving, by: plan, report.usedInPlace))
    for change in changes { log(change, of: repository.serving[change.name] ?? before[change.name]) }
    repository.reportLastGood(plan, before: before)
    for change in changes {
      for note in change.notes { logger.warning("\(change.file): \(note)") }
    }
    keepLastGood(except: plan.untried)
    workers.retire(drain: configuration.drainTimeout)
    return changes.sorted(by: PluginChange.inTables)
  }

  /// Takes a changed `hang_limit` into use although a loop is blocked: it says how long the loop may stay so, and only
  /// the supervisor needs it.
  /// - Returns: the new value; nil if it has not changed.
  private func useHangLimit() -> String? {
    guard let text = try? source.textAgain(), let limits = try? text.parse().limits,
      workers.use(hangLimit: limits.hangLimit)
    else { return nil }
    return limits.hangLimit?.shortText ?? "0s"
  }

  /// Says of quarantined plugins, which the reload has kept, that they do not run.
  private func noteQuarantines(_ changes: [PluginChange]) -> [PluginChange] {
    let quarantines = workers.faults.ledger.quarantines
    return changes.map { change in
      guard let quarantine = quarantines[change.name], quarantine.label == change.generation else { return change }
      var change = change
      change.notes.append(
        "quarantined since \(Timestamp.text(of: quarantine.since)): \(quarantine.text); "
          + "ambit reload --retry \(change.name) tries it again")
      return change
    }
  }

  /// Has the reload try plugins again.
  private func beginRetry(_ plugins: Set<String>) {
    repository.retried = plugins
    let quarantines = workers.faults.ledger.quarantines
    // They start from what their last generation has started from, as in the worker after a crash.
    let states = workers.service.withLock { $0.states }
    for plugin in plugins where quarantines[plugin] != nil {
      workers.inherited.withLock { $0[plugin] = states[plugin] }
    }
  }

  private func endRetry(_ plugins: Set<String>) {
    repository.retried = []
    for plugin in plugins { workers.inherited.withLock { $0[plugin] = nil } }
  }

  func log(_ change: PluginChange, of plugin: ServingPlugin?) {
    guard let plugin else { return }
    var fields: Logger.Metadata = ["plugin": "\(plugin.label)", "file": "\(change.file)"]
    switch change.kind {
    case .added, .changed: fields["routes"] = "\(plugin.patterns.count)"
    case .removed: break
    case .kept, .failed: return
    }
    logger.info("\(plugin.kind) \(change.kind)", metadata: fields)
  }

  /// Takes the configuration into use, apart from plugins and routes, which are in use by now.
  /// - Returns: the keys whose changes take effect at the next start.
  private func adopt(_ new: HostConfiguration, _ text: ConfigurationText) -> [String] {
    LogOutput.use(new.log.level)
    if !workers.use(new, text) {
      logger.warning("an event loop is blocked: it uses the old [limits] until it runs again")
    }
    writeReports(new)
    configuration = new
    return new.keysIgnored(since: initial, isSingle: children == nil)
  }
}
