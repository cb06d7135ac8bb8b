internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

extension Host {
  /// How long a plugin's `start` may take.
  private static var startTimeout: Duration { .seconds(30) }

  /// Reads the configuration and the plugin directory again and serves what is new. Whatever fails leaves what served
  /// before in service, and is reported.
  func reload() {
    let began = ContinuousClock.now
    do throws(HostFailure) {
      let configuration = try source.read()
      let report = try loadPlugins(configuration, refusing: false)
      reportIgnored(configuration)
      self.configuration = configuration
      for line in report.failures { logger.error("\(line)") }
      logger.log(
        level: report.failed.isEmpty ? .info : .error, "reload done",
        metadata: [
          "added": "\(report.added.count)", "changed": "\(report.changed.count)", "kept": "\(report.kept.count)",
          "removed": "\(report.removed.count)", "failed": "\(report.failed.count)",
          "ms": "\(Int((ContinuousClock.now - began) / .milliseconds(1)))",
        ])
    } catch {
      for line in error.lines { logger.error("\(line)") }
      logger.error("reload refused, nothing has changed", metadata: ["errors": "\(error.lines.count)"])
    }
  }

  /// Loads, starts and publishes what is new in the plugin directory, and retires what it replaces.
  ///
  /// With `refusing`, a plugin that fails refuses the whole; otherwise each plugin stands for itself.
  func loadPlugins(_ configuration: HostConfiguration, refusing: Bool) throws(HostFailure) -> ReloadReport {
    let result = try loading.load(configuration, serving: serving)
    var report = ReloadReport()
    report.failed = result.refusals
    for notice in result.notices { logger.notice("\(notice)") }
    if refusing, !report.failed.isEmpty { throw HostFailure(report.failures) }
    let started = start(result.candidates, &report)
    if refusing, !report.failed.isEmpty {
      stop(Array(started.values))
      throw HostFailure(report.failures)
    }
    var next = serving.filter { !result.removed.contains($0.key) }
    next.merge(started) { _, new in new }
    let routes = try makeRoutes(next, abandoning: started, configuration)
    server.replaceRoutes(by: routes)
    reportChanges(from: serving, to: next, started: started, &report)
    let retired = serving.filter { next[$0.key] !== $0.value }
    serving = next
    for generation in retired.values { retire(generation, drain: configuration.drainTimeout) }
    return report
  }

  private func start(
    _ candidates: [PluginLoading.Candidate], _ report: inout ReloadReport
  ) -> [String: PluginGeneration] {
    var started: [String: PluginGeneration] = [:]
    for candidate in candidates {
      do throws(PluginRefusal) {
        let generation = try PluginGeneration(candidate.plugin, settings: candidate.settings, loops: loops)
        do throws(PluginRefusal) {
          try generation.start(timeout: Self.startTimeout)
        } catch {
          retire(generation, drain: .zero)
          throw error
        }
        started[candidate.file] = generation
      } catch {
        report.failed[candidate.file] = error
      }
    }
    return started
  }

  /// The routes of all plugins. A plugin whose `start` failed keeps its old routes, which may stand in the way of
  /// another's new ones: then nothing is published at all.
  private func makeRoutes(
    _ next: [String: PluginGeneration], abandoning started: [String: PluginGeneration],
    _ configuration: HostConfiguration
  ) throws(HostFailure) -> RouteSet {
    let routes = next.sorted { $0.key < $1.key }.flatMap(\.value.routes)
    do throws(RouteConflict) {
      return try RouteSet(routes, exposesGeneration: configuration.exposeGeneration)
    } catch {
      for generation in started.values { retire(generation, drain: .zero) }
      throw HostFailure([
        "routes \(routes[error.first].pattern) and \(routes[error.second].pattern) answer the same requests"
      ])
    }
  }

  private func reportChanges(
    from old: [String: PluginGeneration], to new: [String: PluginGeneration], started: [String: PluginGeneration],
    _ report: inout ReloadReport
  ) {
    for (file, generation) in new.sorted(by: { $0.key < $1.key }) {
      guard started[file] != nil else {
        if report.failed[file] == nil { report.kept.append(file) }
        continue
      }
      let verb = old[file] == nil ? "added" : "changed"
      if old[file] == nil { report.added.append(file) } else { report.changed.append(file) }
      logger.info(
        "\(generation.plugin.kind) \(verb)",
        metadata: ["plugin": "\(generation.label)", "file": "\(file)", "routes": "\(generation.routes.count)"])
    }
    for (file, generation) in old where new[file] == nil {
      report.removed.append(file)
      logger.info("\(generation.plugin.kind) removed", metadata: ["plugin": "\(generation.label)", "file": "\(file)"])
    }
  }

  private func retire(_ generation: PluginGeneration, drain: Duration) {
    retired.removeAll { $0.phase.phase == .unloaded }
    retired.append(generation)
    let logger = logger
    generation.end(.retired(drain: drain)) {
      var fields: Logger.Metadata = ["plugin": "\(generation.label)", "library": "unloaded"]
      if case .resident(let reason) = generation.phase.phase {
        fields["library"] = "resident"
        fields["reason"] = "\(reason)"
      }
      logger.info("\(generation.plugin.kind) generation retired", metadata: fields)
    }
  }

  /// Says which changes of the configuration wait for the next start.
  private func reportIgnored(_ new: HostConfiguration) {
    let changes = [
      ("listen", new.listen != initial.listen), ("threads", new.threads != initial.threads),
      ("stack_size", new.stackSize != initial.stackSize), ("pool_threads", new.poolThreads != initial.poolThreads),
      ("pool_queue", new.poolQueue != initial.poolQueue), ("limits", new.limits != initial.limits),
      ("log", new.log != initial.log), ("private", new.privateDirectory != initial.privateDirectory),
    ]
    for (key, changed) in changes where changed {
      logger.warning("\(key) has changed in the configuration, which takes effect at the next start")
    }
  }
}
