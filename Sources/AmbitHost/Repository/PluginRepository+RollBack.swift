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
  ///   - refusal: why the content that serves now is refused.
  /// - Throws: if there is no such content any more, or it fails its dry run.
  func planRollBack(
    of plugin: ServingPlugin, to earlier: PlannedGeneration?, _ state: HandedOverState?,
    _ mark: PlannedGeneration.RollBack, because refusal: PluginError, _ configuration: HostConfiguration,
    asking workers: WorkerGroup
  ) throws(PluginError) -> ReloadPlan {
    var planning = Planning(configuration, self, asking: workers)
    planning.stateOfDryRun = .given(state)
    var planned: PlannedGeneration
    if let earlier {
      planned = try plan(again: earlier, planning)
    } else {
      planned = try planLastGood(of: plugin, refusal, &planning)
    }
    planned.rollBack = mark
    planning.plan.files = files
    planning.plan.generations = [planned]
    planning.plan.fallbacks[planned.file] = refusal
    assignNumbers(&planning.plan)
    if let error = planning.plan.refusals.values.first { throw error }
    return planning.plan
  }

  /// The content of a generation that has served. With the settings that it had it needs no dry run.
  private func plan(again earlier: PlannedGeneration, _ planning: Planning) throws(PluginError) -> PlannedGeneration {
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
    let copy = try copies.attach(dependenciesOf: earlier.copy, to: try copies.add(content))
    guard let manifest = earlier.manifest,
      planning.configuration.settings(of: name, planning.calls) == earlier.settings
    else { return try performDryRun(copy, planning) }
    var planned = PlannedGeneration(copy, manifest, earlier.settings, patterns: earlier.patterns)
    planned.limits = planning.configuration.limits(of: name)
    return planned
  }

  private func planLastGood(
    of plugin: ServingPlugin, _ refusal: PluginError, _ planning: inout Planning
  ) throws(PluginError) -> PlannedGeneration {
    let kept = lastGood?.hash(of: plugin.file)
    guard let lastGood, let kept, kept != plugin.copy.hash?.description,
      let planned = try planLastGood(of: plugin.file, refusal, lastGood, &planning)
    else {
      throw PluginError(problems: [
        PluginProblem(
          code: .missing, plugin: plugin.name, file: plugin.file.path,
          reason: "there is no other content to go back to: this host has served none, and has no other last good copy")
      ])
    }
    return planned
  }

  /// Whether the last good copy of a plugin's file has another content.
  func hasOtherLastGood(_ planned: PlannedGeneration) -> Bool {
    guard planned.isPlugin, planned.rollBack == nil, let kept = lastGood?.hash(of: planned.copy.file) else {
      return false
    }
    return kept != planned.copy.hash?.description
  }
}

// Contents that are not to be tried again on their own.

extension PluginRepository {
  /// Refuses a content from now on, whichever file has it.
  func refuse(_ hash: SHA256?, because refusal: PluginError) {
    if let hash { refusedContents[hash.description] = refusal }
  }

  /// Has the next plan try a plugin again, although it is quarantined or its content was rolled back.
  /// - Returns: whether its content was rolled back.
  func retry(_ plugin: String) -> Bool {
    retried.insert(plugin)
    let before = refusedContents.count
    refusedContents = refusedContents.filter { !$0.value.concerns([plugin]) }
    return refusedContents.count < before
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
