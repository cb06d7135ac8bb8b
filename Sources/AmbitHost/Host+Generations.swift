internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

// The beginning and the end of plugins' generations.

extension Host {
  /// Loads and starts what has passed its rehearsal; what fails here is in the report. By name.
  func start(
    _ candidates: [PluginLoading.Candidate], _ configuration: HostConfiguration, _ report: inout ReloadReport
  ) -> [String: PluginGeneration] {
    var started: [String: PluginGeneration] = [:]
    for candidate in candidates where !loading.isStopping() {
      do throws(PluginRefusal) {
        started[candidate.name] = try start(candidate, configuration)
      } catch {
        report.failed[candidate.file] = error
      }
    }
    guard report.failed.values.contains(where: { $0.isOf(candidates.map(\.name)) }) else { return started }
    refuseConflicts(in: &started, CallRoutes(configuration, file: source.name), &report)
    return started
  }

  private func start(
    _ candidate: PluginLoading.Candidate, _ configuration: HostConfiguration
  ) throws(PluginRefusal) -> PluginGeneration {
    try refuseWhileStuck(candidate)
    let number = (generationNumbers[candidate.name] ?? 0) + 1
    generationNumbers[candidate.name] = number
    let plugin = try load(candidate, generation: number, within: configuration.rehearsalTimeout)
    let generation = try PluginGeneration(plugin, number: number, settings: candidate.settings, loops: loops)
    do throws(PluginRefusal) {
      // Asked for again: what was saved for the rehearsal is old by now.
      let limit = configuration.rehearsalTimeout
      let state = try serving[candidate.name]?.save(timeout: limit, unless: loading.isStopping)
      try generation.start(from: state, timeout: limit, unless: loading.isStopping)
    } catch {
      if generation.isInOwnCall { stuckStarts.append(generation) }
      retire(generation, drain: .zero)
      throw error
    }
    return generation
  }

  /// What did not return from its `start` keeps a thread and its library: trying the same again would double both. What
  /// does not return from its constructors keeps all others waiting.
  private func refuseWhileStuck(_ candidate: PluginLoading.Candidate) throws(PluginRefusal) {
    do throws(PluginRefusal) {
      try loading.loader.refuseWhileBusy(PluginFile(path: candidate.file), of: candidate.name)
      stuckStarts.removeAll { !$0.isInOwnCall }
      guard case .plugin(let copy, _) = candidate.origin else { return }
      let stuck = stuckStarts.first { $0.plugin.copy.hash == copy.hash && $0.settings == candidate.settings }
      try stuck?.refuseDuringOwnCall()
    } catch {
      if case .plugin(let copy, _) = candidate.origin { loading.copies.discard(copy) }
      throw error
    }
  }

  private func load(
    _ candidate: PluginLoading.Candidate, generation: UInt64, within limit: Duration
  ) throws(PluginRefusal) -> LoadedPlugin {
    switch candidate.origin {
    case .library(let library): return library
    case .plugin(let incoming, let manifest):
      let copy = try loading.copies.name(incoming, plugin: candidate.name, generation: generation)
      return try loading.loader.load(copy.file, of: candidate.name, within: limit) { () throws(PluginRefusal) in
        try LoadedPlugin(copy, rehearsedAs: manifest)
      }
    }
  }

  /// A plugin whose `start` failed keeps its old routes, which may stand in the way of another's new ones.
  private func refuseConflicts(
    in started: inout [String: PluginGeneration], _ calls: CallRoutes, _ report: inout ReloadReport
  ) {
    let candidates = started.map { name, generation in
      PluginConflicts.Candidate(generation.claim(calls), predecessor: serving[name]?.claim(calls))
    }
    let standing = serving.filter { started[$0.key] == nil }.map { $0.value.claim(calls) }
    for (file, refusal) in PluginConflicts.refusals(among: candidates, standing: standing) {
      report.failed[file] = refusal
      for (name, generation) in started where generation.file.path == file {
        started[name] = nil
        retire(generation, drain: .zero)
      }
    }
  }

  /// Ends a generation that serves no more, and says when that is done and what became of its library.
  func retire(_ generation: PluginGeneration, drain: Duration) {
    board.retires(generation)
    generation.end(.retired(drain: drain)) { [logger] in
      var fields: Logger.Metadata = ["plugin": "\(generation.label)", "library": "unloaded"]
      if case .resident(let reason) = generation.phase.phase {
        fields["library"] = "resident"
        fields["reason"] = "\(reason)"
      }
      logger.info("\(generation.plugin.kind) generation retired", metadata: fields)
    }
  }
}
