internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

// The content before takes the place of a generation that is to blame for a crash, or that an operator does not want.
// The content of the file is refused from then on.

extension PluginRepository {
  /// Plans an earlier content of a plugin that serves, as a new generation.
  /// - Parameters:
  ///   - earlier: the generation whose content it is; nil: the last good copy, which an earlier host has kept.
  ///   - state: what `earlier` has handed over last, for a dry run.
  ///   - mark: what the generation is marked by.
  ///   - workers: those that serve tell what they have loaded.
  /// - Returns: the plan. Its generation is in `filesForNewWorkers` if those that serve have loaded other versions of
  ///   the libraries that the content brings along.
  /// - Throws: if there is no such content any more, or it fails its dry run.
  func planRollBack(
    of plugin: ServingPlugin, to earlier: PlannedGeneration?, _ state: HandedOverState?,
    _ mark: PlannedGeneration.RollBack, _ configuration: HostConfiguration, asking workers: WorkerGroup
  ) throws(PluginError) -> ReloadPlan {
    // The next worker, which waits for the roll-back, has loaded nothing.
    var planning = Planning(configuration, self, asking: workers.present.isEmpty ? nil : workers)
    planning.stateOfDryRun = .given(state)
    var planned =
      if let earlier { try plan(again: earlier, &planning) } else { try planLastGood(of: plugin, &planning) }
    planned.rollBack = mark
    planning.plan.files = files
    planning.plan.generations = [planned]
    assignNumbers(&planning.plan)
    if let error = planning.plan.refusals.values.first { throw error }
    return planning.plan
  }

  /// The content of a generation that has served. With the settings that it had it needs no dry run.
  private func plan(
    again earlier: PlannedGeneration, _ planning: inout Planning
  ) throws(PluginError) -> PlannedGeneration {
    let name = earlier.name
    let file = serving[name]?.file ?? earlier.copy.file
    let kept = try? lastGood?.content(of: file, trust: .any, limit: .max)
    guard let content = copies.content(of: earlier.copy) ?? kept, content.hash == earlier.copy.hash else {
      let reason =
        "the private copy \(earlier.copy.path) of \(earlier.label) was removed, and there is no last good copy of it"
      throw PluginError(problems: [
        PluginProblem(code: .missing, plugin: name, file: earlier.file, reason: reason)
      ])
    }
    if planning.resolverOfNewWorkers != nil, try planning.resolver.areLoadedOtherwise(earlier.copy.dependencies) {
      planning.plan.filesForNewWorkers.insert(earlier.copy.file.path)
    }
    let copy = try copies.attach(dependenciesOf: earlier.copy, to: try copies.add(content))
    guard let manifest = earlier.manifest,
      planning.configuration.settings(of: name, planning.calls) == earlier.settings
    else { return try performDryRun(copy, planning) }
    var planned = PlannedGeneration(copy, manifest, earlier.settings, patterns: earlier.patterns)
    planned.limits = planning.configuration.limits(of: name)
    return planned
  }

  private func planLastGood(
    of plugin: ServingPlugin, _ planning: inout Planning
  ) throws(PluginError) -> PlannedGeneration {
    guard let lastGood, let planned = try planLastGood(of: plugin.file, lastGood, &planning) else {
      throw PluginError(problems: [
        PluginProblem(
          code: .missing, plugin: plugin.name, file: plugin.file.path, reason: "its last good copy was removed")
      ])
    }
    return planned
  }

  /// The hash of the last good copy of a file if that has another content than this; else nil.
  func otherLastGood(of file: PluginFile, besides hash: SHA256?) -> String? {
    guard let kept = lastGood?.hash(of: file), kept != hash?.description else { return nil }
    return kept
  }
}

// Contents that are not to be tried again on their own.

extension PluginRepository {
  /// Refuses a content from now on, whichever file has it.
  func refuse(_ hash: SHA256?, because refusal: PluginError) {
    if let hash { refusedContents[hash.description] = refusal }
  }

  /// Whether a content of a plugin was rolled back, and is refused.
  func isRolledBack(_ plugin: String) -> Bool { refusedContents.values.contains { $0.concerns([plugin]) } }

  /// Why the next plan does not take a content; nil if it may.
  func refusal(of hash: SHA256) -> PluginError? {
    refusedContents[hash.description].flatMap { $0.concerns(Array(retried)) ? nil : $0 }
  }
}

extension ServingPlugin {
  /// Why its content is refused after a roll-back.
  /// - Parameter crash: what it was to blame for; nil if an operator has rolled it back.
  func rolledBack(because crash: String?) -> PluginError {
    let time = Timestamp.text(of: Clock.wall)
    let cause = crash.map { "\(label) was to blame before it was proven: \($0)" } ?? "ambit rollback"
    let reason =
      "this content was rolled back at \(time) (\(cause)); it is refused until the file changes, or until "
      + "ambit reload --retry \(name)"
    return PluginError(problems: [PluginProblem(code: .rolledBack, plugin: name, file: file.path, reason: reason)])
  }
}
