internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

// The beginning and the end of plugins' generations.

extension Host {
  /// Loads and starts what has passed its dry run; what fails here is in the report. By name.
  func start(
    _ candidates: [PluginRepository.Candidate], _ configuration: HostConfiguration, _ report: inout ReloadReport
  ) -> [String: PluginGeneration] {
    var started: [String: PluginGeneration] = [:]
    for candidate in candidates where !repository.isStopping() {
      do throws(PluginError) {
        started[candidate.name] = try start(candidate, configuration, beside: started)
      } catch {
        report.failed[candidate.file] = candidate.place.map { error.asked(at: $0) } ?? error
      }
    }
    guard report.failed.values.contains(where: { $0.concerns(candidates.map(\.name)) }) else { return started }
    refuseConflicts(in: &started, CallRoutes(configuration, file: source.name), &report)
    return started
  }

  func start(
    _ candidate: PluginRepository.Candidate, _ configuration: HostConfiguration, beside started: [String: PluginGeneration]
  ) throws(PluginError) -> PluginGeneration {
    try refuseWhileStuck(candidate)
    let number = (generationNumbers[candidate.shortName] ?? 0) + 1
    generationNumbers[candidate.shortName] = number
    let plugin = try load(candidate, number, beside: started, within: configuration.dryRunTimeout)
    let generation = try PluginGeneration(plugin, number: number, settings: candidate.settings, loops: loops)
    do throws(PluginError) {
      // Asked for again: what was saved for the dry run is old by now.
      let limit = configuration.dryRunTimeout
      let state = try serving[candidate.name]?.save(timeout: limit, unless: repository.isStopping)
      try generation.start(from: state, timeout: limit, unless: repository.isStopping)
    } catch {
      if generation.isInLifecycleCall { stuckStarts.append(generation) }
      retire(generation, drain: .zero)
      throw error
    }
    return generation
  }

  /// What did not return from its `start` keeps a thread and its library: trying the same again would double both. What
  /// does not return from its constructors keeps all others waiting.
  private func refuseWhileStuck(_ candidate: PluginRepository.Candidate) throws(PluginError) {
    do throws(PluginError) {
      try repository.loader.refuseWhileBusy(PluginFile(path: candidate.file), of: candidate.name)
      stuckStarts.removeAll { !$0.isInLifecycleCall }
      guard case .plugin(let copy, _) = candidate.origin else { return }
      let stuck = stuckStarts.first { $0.plugin.copy.hash == copy.hash && $0.settings == candidate.settings }
      try stuck?.throwDuringLifecycleCall()
    } catch {
      if let copy = candidate.unloadedCopy { repository.copies.discard(copy) }
      throw error
    }
  }

  private func load(
    _ candidate: PluginRepository.Candidate, _ generation: UInt64, beside started: [String: PluginGeneration],
    within limit: Duration
  ) throws(PluginError) -> LoadedPlugin {
    switch candidate.origin {
    case .loaded(let library): return library
    case .library(let incoming, _):
      let others = serving.merging(started) { $1 }.filter { $0.key != candidate.name }.map(\.value)
      if let copy = sharedCopy(incoming, of: others) {
        return try load(copy, of: candidate.name, within: limit) { () throws(PluginError) in
          try LoadedPlugin(library: copy)
        }
      }
      let copy = try name(incoming, candidate.shortName, generation)
      return try discarding(copy) { () throws(PluginError) in
        try load(copy, of: candidate.name, within: limit) { () throws(PluginError) in try LoadedPlugin(library: copy)
        }
      }
    case .plugin(let incoming, let manifest):
      let copy = try name(incoming, candidate.name, generation)
      return try discarding(copy) { () throws(PluginError) in
        try load(copy, of: candidate.name, within: limit) { () throws(PluginError) in
          try LoadedPlugin(copy, expecting: manifest)
        }
      }
    }
  }

  private func name(_ copy: PluginCopy, _ name: String, _ generation: UInt64) throws(PluginError) -> PluginCopy {
    copy.isPrivate ? try repository.copies.name(copy, plugin: name, generation: generation) : copy
  }

  private func load(
    _ copy: PluginCopy, of name: String, within limit: Duration,
    _ open: @escaping @Sendable () throws(PluginError) -> LoadedPlugin
  ) throws(PluginError) -> LoadedPlugin {
    try repository.loader.load(copy.file, of: name, within: limit, open)
  }

  /// A copy that the loader has not taken is of no use. One that was mapped stays, whatever is wrong with it.
  private func discarding(
    _ copy: PluginCopy, unlessLoaded load: () throws(PluginError) -> LoadedPlugin
  ) throws(PluginError) -> LoadedPlugin {
    do throws(PluginError) {
      return try load()
    } catch {
      if error.problems.allSatisfy({ $0.code == .notLoadable }) { repository.copies.discard(copy) }
      throw error
    }
  }

  /// A library that is configured under two names, a file and a link to it, is one library with one set of variables; so is
  /// one that a plugin brings along and a route calls.
  private func sharedCopy(_ incoming: PluginCopy, of others: [PluginGeneration]) -> PluginCopy? {
    guard incoming.isPrivate else { return nil }
    let same = others.first { $0.plugin.isForeign && $0.plugin.copy.hash == incoming.hash }
    guard let copy = same?.plugin.copy ?? repository.copies.dependency(like: incoming) else { return nil }
    return repository.copies.replace(incoming, by: copy)
  }

  /// A plugin whose `start` failed keeps its old routes, which may stand in the way of another's new ones.
  func refuseConflicts(
    in started: inout [String: PluginGeneration], _ calls: CallRoutes, _ report: inout ReloadReport
  ) {
    let candidates = started.map { name, generation in
      PluginConflicts.Candidate(generation.claim(calls), predecessor: serving[name]?.claim(calls))
    }
    let standing = serving.filter { started[$0.key] == nil }.map { $0.value.claim(calls) }
    for (file, refusal) in PluginConflicts.errors(among: candidates, standing: standing) {
      report.failed[file] = refusal
      for (name, generation) in started where generation.file.path == file {
        started[name] = nil
        retire(generation, drain: .zero)
      }
    }
  }

  /// Ends a generation that serves no more, and says when that is done and what became of its library.
  func retire(_ generation: PluginGeneration, drain: Duration) {
    state.addRetiring(generation)
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
