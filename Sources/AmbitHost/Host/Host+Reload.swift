internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

extension Host {
  /// Reads the configuration and the plugin directory again and serves what is new. Whatever fails leaves what served
  /// before in service, and is reported: in the log, and to those who wait for the reload.
  func reload() {
    let waiting = reloads.takeWaiting()
    state.enter(.reloading)
    ClosedDescriptors.restoreStreams()
    server.readDescriptorLimit()
    let outcome = DescriptorReserve.shared.lend { reloadNow() }
    state.record(outcome)
    state.enter(.serving)
    for gate in waiting { gate.arrive(outcome) }
  }

  private func reloadNow() -> ReloadOutcome {
    let (began, start) = (Clock.wall, ContinuousClock.now)
    var (changes, errors): ([PluginChange], [String]) = ([], [])
    do throws(HostError) {
      // A loop that does not turn could not take the new routes.
      let silence = loops.blockedLoops(within: LoopGroup.defaultTimeout)
      guard silence.isEmpty else { throw HostError(silence.map(\.description)) }
      let configuration = try source.readAgain()
      let report = try loadPlugins(configuration, refusing: false)
      reportIgnored(configuration)
      self.configuration = configuration
      changes = report.allChanges(serving: serving)
    } catch {
      errors = error.lines
    }
    let outcome = ReloadOutcome(began: began, duration: ContinuousClock.now - start, changes: changes, errors: errors)
    log(outcome)
    return outcome
  }

  private func log(_ outcome: ReloadOutcome) {
    for line in outcome.errors + outcome.changes.flatMap(\.reasons) { logger.error("\(line)") }
    for change in outcome.changes {
      if let reason = change.inUse?.text, change.inUse?.isReplaced == true {
        logger.warning("library \(change.file) is used in place: \(reason)")
      }
    }
    guard outcome.result != .refused else {
      return logger.error("reload refused, nothing has changed", metadata: ["errors": "\(outcome.errors.count)"])
    }
    var fields: Logger.Metadata = ["ms": "\(outcome.milliseconds)"]
    for (kind, count) in outcome.counts { fields[kind.rawValue] = "\(count)" }
    logger.log(level: outcome.result == .done ? .info : .error, "reload done", metadata: fields)
  }

  /// Loads, starts and publishes what is new in the plugin directory, and retires what it replaces.
  ///
  /// With `refusing`, a plugin that fails refuses the whole; otherwise each plugin stands for itself. With `fallingBack`,
  /// as at the start, the last good copy of a file that fails takes its place.
  func loadPlugins(
    _ configuration: HostConfiguration, refusing: Bool, fallingBack: Bool = false
  ) throws(HostError) -> ReloadReport {
    var plan = try repository.prepare(
      configuration, serving: serving, fallingBackTo: fallingBack ? lastGood : nil)
    var report = ReloadReport()
    report.failed = plan.refusals
    report.notes = plan.notes
    for notice in plan.notices { logger.notice("\(notice)") }
    try check(plan, configuration, refusing: refusing)
    var started = start(plan.candidates, configuration, &report)
    if fallingBack, !report.failed.isEmpty { startLastGood(of: &plan, configuration, in: &started, &report) }
    if repository.isStopping() || refusing && !report.failed.isEmpty {
      stop(Array(started.values))
      try repository.goOn()
      throw HostError(report.failed.lines)
    }
    for (name, file) in plan.kept { serving[name]?.fileWasRenamed(to: file) }
    var next = serving.filter { !plan.removed.contains($0.key) }
    next.merge(started) { _, new in new }
    let routes = try makeRoutes(next, abandoning: started, configuration)
    PluginGeneration.assignThreads(to: next.values)
    if !server.replaceRoutes(by: routes, within: LoopGroup.defaultTimeout) {
      logger.warning("a loop does not turn: until it does, its clients wait, and then find the new routes")
    }
    reportChanges(from: serving, to: next, started: started, &report)
    let before = serving
    let retired = serving.filter { next[$0.key] !== $0.value }
    serving = next
    reportLastGood(plan, before: before)
    state.setServing(next.values)
    for change in report.changes {
      for note in change.notes { logger.warning("\(change.file): \(note)") }
    }
    keepLastGood(plan)
    for generation in retired.values { retire(generation, drain: configuration.drainTimeout) }
    return report
  }

  /// Sees to it that each change of a route has its route. If a plugin has failed, which is no matter unless `refusing`,
  /// it may be that one's, so the others are served without it.
  private func check(
    _ plan: ReloadPlan, _ configuration: HostConfiguration, refusing: Bool
  ) throws(HostError) {
    if refusing, !plan.refusals.isEmpty {
      throw HostError(plan.errors(configuration, file: source.name, serving: serving))
    }
    let errors = plan.changeErrors(configuration, file: source.name, serving: serving)
    if !errors.isEmpty, plan.refusals.isEmpty, plan.fallbacks.isEmpty { throw HostError(errors) }
    for error in errors { logger.warning("\(error)") }
  }

  /// The routes of all plugins, whose conflicts are settled.
  private func makeRoutes(
    _ next: [String: PluginGeneration], abandoning started: [String: PluginGeneration],
    _ configuration: HostConfiguration
  ) throws(HostError) -> RouteSet {
    let routes = next.sorted { $0.key < $1.key }.flatMap(\.value.routeDeclarations)
    do throws(RouteConflict) {
      return try RouteSet(routes, changes: RouteChanges(configuration).all, options: configuration.routingOptions)
    } catch {
      for generation in started.values { retire(generation, drain: .zero) }
      throw HostError([
        "routes \(routes[error.first].pattern) and \(routes[error.second].pattern) answer the same requests"
      ])
    }
  }

  private func reportChanges(
    from old: [String: PluginGeneration], to new: [String: PluginGeneration], started: [String: PluginGeneration],
    _ report: inout ReloadReport
  ) {
    for (name, generation) in new.sorted(by: { $0.key < $1.key }) {
      let file = generation.file.path
      guard started[name] != nil else {
        if !report.failed.values.contains(where: { $0.concerns([name]) }) {
          report.add(.kept, generation)
        }
        continue
      }
      let kind = old[name] == nil ? PluginChange.Kind.added : .changed
      report.add(kind, generation)
      logger.info(
        "\(generation.plugin.kind) \(kind)",
        metadata: ["plugin": "\(generation.label)", "file": "\(file)", "routes": "\(generation.routes.count)"])
    }
    for (name, generation) in old where new[name] == nil {
      let file = generation.file.path
      report.add(.removed, generation)
      logger.info("\(generation.plugin.kind) removed", metadata: ["plugin": "\(generation.label)", "file": "\(file)"])
    }
  }

  /// Says which changes of the configuration wait for the next start.
  private func reportIgnored(_ new: HostConfiguration) {
    let changes = [
      ("listen", new.listen != initial.listen), ("admin", new.admin != initial.admin),
      ("threads", new.threads != initial.threads),
      ("stack_size", new.stackSize != initial.stackSize),
      ("handler_stack_size", new.handlerStackSize != initial.handlerStackSize),
      ("pool_threads", new.poolThreads != initial.poolThreads),
      ("pool_queue", new.poolQueue != initial.poolQueue), ("cancel_grace", new.cancelGrace != initial.cancelGrace),
      ("stall_warning", new.stallWarning != initial.stallWarning), ("limits", new.limits != initial.limits),
      ("log", new.log != initial.log), ("private", new.privateDirectory != initial.privateDirectory),
    ]
    for (key, changed) in changes where changed {
      logger.warning("\(key) has changed in the configuration, which takes effect at the next start")
    }
  }
}
