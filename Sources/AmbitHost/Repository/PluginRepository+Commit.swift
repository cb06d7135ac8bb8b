internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// From a plan to what serves: generation numbers, what a worker could not prepare, and the record of what serves.

extension PluginRepository {
  /// Numbers the generations of a plan, and names their copies after them.
  /// - Parameter others: generations of the same reload that have numbers already.
  func assignNumbers(_ plan: inout ReloadPlan, besides others: [PlannedGeneration] = []) {
    var numbered = others
    for var planned in plan.generations {
      let number = (generationNumbers[planned.shortName] ?? 0) + 1
      generationNumbers[planned.shortName] = number
      planned.number = number
      if planned.isPlugin, planned.rollBack == nil {
        planned.otherLastGood = otherLastGood(of: planned.copy.file, besides: planned.copy.hash)
      }
      do throws(PluginError) {
        try nameCopy(of: &planned, besides: numbered)
        numbered.append(planned)
      } catch {
        plan.refusals[planned.file] = planned.place.map { error.asked(at: $0) } ?? error
      }
    }
    plan.generations = Array(numbered.dropFirst(others.count))
  }

  private func nameCopy(of planned: inout PlannedGeneration, besides others: [PlannedGeneration]) throws(PluginError) {
    guard planned.copy.isPrivate, planned.ownCopy != nil else { return }
    if !planned.isPlugin, let shared = sharedCopy(for: planned, among: others) {
      planned.copy = copies.replace(planned.copy, by: shared)
      planned.sharesCopy = true
    } else {
      planned.copy = try copies.name(planned.copy, plugin: planned.shortName, generation: planned.number)
    }
  }

  /// A library that is configured under two names, a file and a link to it, is one library with one set of variables;
  /// so is a library that a plugin brings along and a route calls.
  private func sharedCopy(for planned: PlannedGeneration, among others: [PlannedGeneration]) -> PluginCopy? {
    let loaded = serving.values.filter { $0.isLibrary && $0.name != planned.name }.map(\.copy)
    let copies = loaded + others.filter { !$0.isPlugin && $0.name != planned.name }.map(\.copy)
    return copies.first { $0.hash == planned.copy.hash } ?? self.copies.dependency(like: planned.copy)
  }

  /// Gives up a plan of which nothing was prepared: its copies are removed and its numbers are used again.
  func discard(_ plan: ReloadPlan) {
    for planned in plan.generations.reversed() { giveUp(planned, at: .notLoaded) }
  }

  /// Gives up a plan that workers have tried, maybe in part, and of which they do not run anything any more.
  func abandon(_ plan: ReloadPlan, _ preparation: Preparation) {
    for planned in plan.generations.reversed() where preparation.prepared[planned.name] == nil {
      giveUp(planned, at: preparation.failures[planned.name]?.stage ?? .notLoaded)
    }
  }

  private func giveUp(_ planned: PlannedGeneration, at stage: PreparationFailure.Stage) {
    if stage != .loaded, let copy = planned.ownCopy { copies.discard(copy) }
    if stage == .notLoaded, planned.number > 0, generationNumbers[planned.shortName] == planned.number {
      generationNumbers[planned.shortName] = planned.number - 1
    }
  }

  /// Takes out of the plan what a worker could not prepare, and what conflicts with plugins that serve on because of
  /// that.
  /// - Returns: the names of prepared generations that the worker is to abort.
  func settle(
    _ plan: inout ReloadPlan, _ preparation: Preparation, _ configuration: HostConfiguration
  ) -> [String] {
    for index in plan.generations.indices.reversed() {
      let planned = plan.generations[index]
      if let calls = preparation.prepared[planned.name] { plan.generations[index].boundCalls = calls }
      guard let failure = preparation.failures[planned.name] else { continue }
      plan.refusals[planned.file] = planned.place.map { failure.error.asked(at: $0) } ?? failure.error
      giveUp(planned, at: failure.stage)
    }
    plan.generations.removeAll { $0.boundCalls == nil }
    let conflicting = refuseConflicts(in: &plan, CallRoutes(configuration, file: source.name))
    plan.refuseFallbacks()
    return conflicting
  }

  /// A plugin that could not be prepared keeps its old routes, which may stand in the way of the new routes of others.
  private func refuseConflicts(in plan: inout ReloadPlan, _ calls: CallRoutes) -> [String] {
    let candidates = plan.generations.map {
      PluginConflicts.Candidate($0.claim, predecessor: serving[$0.name]?.claim(calls))
    }
    let leaving = Set(plan.removed).union(plan.generations.map(\.name))
    let standing = serving.filter { !leaving.contains($0.key) }.map { $0.value.claim(calls) }
    let refusals = PluginConflicts.errors(among: candidates, standing: standing)
    let conflicting = plan.generations.filter { refusals[$0.file] != nil }.map(\.name)
    plan.generations.removeAll { refusals[$0.file] != nil }
    plan.refusals.merge(refusals) { $1 }
    return conflicting
  }

  /// Records that a worker has committed the plan.
  func adopt(_ plan: ReloadPlan) {
    files = plan.files
    for name in plan.removed { serving[name] = nil }
    for (name, file) in plan.kept {
      serving[name]?.file = file
      serving[name]?.refusal = nil
    }
    for planned in plan.generations {
      serving[planned.name] = ServingPlugin(
        planned, calling: planned.boundCalls ?? [], insteadOf: plan.fallbacks[planned.file])
      // Somebody has had a content tried again that was rolled back.
      if let hash = planned.copy.hash { refusedContents[hash.description] = nil }
    }
  }
}
