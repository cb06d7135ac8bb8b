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
    let outcome = DescriptorReserve.shared.lend { reloadNow(retrying: waiting.compactMap(\.retried)) }
    state.record(outcome)
    state.enter(.serving)
    // Before the answers: when `ExecReload=ambit reload` returns, systemd takes the reload for over.
    service.ready(status: serviceStatus)
    for client in waiting { client.answer.arrive(outcome) }
  }

  /// - Parameter retried: the plugins that are to be tried again although they are quarantined or were rolled back.
  private func reloadNow(retrying retried: [String]) -> ReloadOutcome {
    let (began, start) = (Clock.wall, ContinuousClock.now)
    var (changes, ignored, errors): ([PluginChange], [String], [String]) = ([], [], [])
    var (newWorkers, oldWorkers): ([String], [String]) = ([], [])
    var change = ListenerSet.Change()
    let confinementBefore = repository.confinement
    do throws(HostError) {
      let blocked = workers.blockedLoops()
      try repository.failIfStopping()
      defer { endRetry(retried) }
      try retry(retried)
      guard blocked.isEmpty else { throw HostError(blocked) }
      restoreListeners()
      let text = try source.textAgain()
      let configuration = try text.parse()
      let confinement = try confine(configuration)
      let listening = try prepareListeners(configuration)
      let later: ReloadPlan
      do throws(HostError) {
        (changes, later) = try loadPlugins(configuration, refusing: false)
      } catch {
        abandonListeners(listening)
        throw error
      }
      change = listening
      commitListeners(change)
      ignored = adopt(configuration, text)
      (newWorkers, oldWorkers) = replaceWorkers(configuration, text, confinement, later, &changes)
      stopInTime()
    } catch {
      errors = error.lines
      try? repository.confine(by: confinementBefore)
    }
    workers.noteServingCopies()
    var outcome = ReloadOutcome(
      began: began, duration: ContinuousClock.now - start, changes: changes, ignored: ignored, errors: errors)
    (outcome.newWorkers, outcome.oldWorkers) = (newWorkers, oldWorkers)
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
      return logger.error("reload refused, nothing has changed", metadata: ["errors": "\(outcome.errors.count)"])
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
    prepare(&plan, configuration, fallingBack: fallingBack)
    if repository.isStopping() || refusing && !plan.refusals.isEmpty {
      workers.endPrepared()
      // A host that serves waits for these generations together with the others.
      if state.current.phase == .starting { workers.waitForEnd(by: ShutdownDeadline(of: self)) }
      try repository.failIfStopping()
      throw HostError(plan.refusals.lines)
    }
    return (try commit(plan, configuration), later)
  }

  /// Makes the worker load and start the generations of the plan. The plan refuses generations that fail.
  private func prepare(_ plan: inout ReloadPlan, _ configuration: HostConfiguration, fallingBack: Bool) {
    let limit = configuration.dryRunTimeout
    let preparation = workers.prepare(plan.generations, within: limit)
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
  /// - Throws: if one of them is neither quarantined nor was rolled back.
  private func retry(_ plugins: [String]) throws(HostError) {
    let quarantines = workers.faults.ledger.quarantines
    let needless = plugins.filter { !repository.retry($0) && quarantines[$0] == nil }
    guard needless.isEmpty else {
      throw HostError(
        needless.map { "--retry \($0): expected a plugin that is quarantined or was rolled back, and this one is not" })
    }
    // They start from what their last generation has started from, as in the worker after a crash.
    let states = workers.service.withLock { $0.states }
    for plugin in plugins where quarantines[plugin] != nil {
      workers.inherited.withLock { $0[plugin] = states[plugin] }
    }
  }

  private func endRetry(_ plugins: [String]) {
    repository.retried = []
    for plugin in plugins { workers.inherited.withLock { $0[plugin] = nil } }
  }

  private func log(_ change: PluginChange, of plugin: ServingPlugin?) {
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

  /// Puts new workers in the place of those that serve if something has changed that a running worker cannot take over:
  /// a key, a library that is used in place, or one that a plugin is linked with. Blocks until they serve.
  /// - Parameters:
  ///   - later: the generations that only new workers can load.
  ///   - changes: gets those of `later`.
  /// - Returns: what has changed, and why workers were not replaced, a line each.
  private func replaceWorkers(
    _ new: HostConfiguration, _ text: ConfigurationText, _ confinement: Confinement, _ later: ReloadPlan,
    _ changes: inout [PluginChange]
  ) -> (reasons: [String], failures: [String]) {
    guard let children else { return ([], []) }
    let keys = workers.keysNeedingNewWorkers(new).map { "\($0) has changed" }
    let libraries =
      changes.filter { $0.inUse?.isReplaced == true }.map { "library \($0.file) was replaced" }
      + later.generations.map { "a library was replaced that \($0.file) is linked with" }
    guard !keys.isEmpty || !libraries.isEmpty else { return ([], []) }
    let order = WorkerGroup.ReplacementOrder(
      reason: (keys + libraries).joined(separator: ", "), isForAll: !libraries.isEmpty, confinement: confinement,
      plan: later)
    let failures = workers.replaceWorkers(by: new, text, order, children: children)
    if workers.serves(later) { adopt(later, &changes) } else { repository.discard(later) }
    return (keys + libraries, failures)
  }

  /// Records what new workers serve.
  private func adopt(_ later: ReloadPlan, _ changes: inout [PluginChange]) {
    for planned in later.generations {
      let kind: PluginChange.Kind = repository.serving[planned.name] == nil ? .added : .changed
      changes.removeAll { $0.name == planned.name }
      changes.append(
        PluginChange(
          kind: kind, name: planned.name, file: planned.file, generation: planned.label,
          notes: later.notes[planned.file] ?? []))
    }
    guard !later.generations.isEmpty else { return }
    repository.adopt(later)
    for change in changes where later.generations.contains(where: { $0.name == change.name }) {
      log(change, of: repository.serving[change.name])
    }
    keepLastGood()
    changes.sort(by: PluginChange.inTables)
  }
}

/// The clients of the admin API that wait for a reload.
///
/// Asking raises SIGHUP, so there is one queue of reloads for signals and clients: reloads run one at a time, and all
/// requests that arrive during a reload lead to one further reload.
final class ReloadQueue: Sendable {
  struct Client: Sendable {
    let answer: Latch<ReloadOutcome?>
    /// A plugin that is to be tried again; nil: none.
    let retried: String?
  }

  private struct State {
    var waiting: [Client] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for a reload, and waits for the first one that begins afterwards. From threads that may block.
  /// - Parameter plugin: a plugin that is to be tried again although it is quarantined or was rolled back; nil: none.
  /// - Returns: the outcome; nil if the host stops instead.
  func reload(retrying plugin: String? = nil) -> ReloadOutcome? {
    let latch = Latch<ReloadOutcome?>()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.waiting.append(Client(answer: latch, retried: plugin)) }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    Signals.raise(.reload)
    return latch.wait()?.first ?? nil
  }

  /// How many clients wait for a reload that has not begun.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// The clients that the reload which begins now is to answer. For the control thread.
  func takeWaiting() -> [Client] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  /// Answers all waiting and future clients that there will be no further reload.
  func close() {
    state.withLock { $0.isClosed = true }
    for client in takeWaiting() { client.answer.arrive(nil) }
  }
}
