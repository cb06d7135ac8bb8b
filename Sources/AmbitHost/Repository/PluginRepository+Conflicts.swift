internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// Plugins and libraries that cannot be taken together, and settings of plugins that are not there.

extension PluginRepository {
  /// Refuses planned generations whose name or routes another plugin has. The plugin that serves now goes on serving in
  /// place of a refused one, and its routes count.
  func refuseRouteConflicts(_ planning: inout Planning) {
    let planned = planning.plan.generations
    let candidates = planned.map {
      PluginConflicts.Candidate($0.claim, predecessor: serving[$0.name]?.claim(planning.calls))
    }
    let leaving = Set(planning.plan.missing(from: serving)).union(planned.map(\.name))
    let staying = serving.filter { !leaving.contains($0.key) || planning.plan.kept[$0.key] != nil }
    let standing = staying.map { $0.value.claim(planning.calls) }
    let refusals = PluginConflicts.errors(among: candidates, standing: standing)
    refuse(planned.filter { refusals[$0.file] != nil }, in: &planning.plan)
    planning.plan.refusals.merge(refusals) { own, _ in own }
  }

  /// Refuses libraries of which another route wants the functions to run on another thread. One library may be
  /// configured under several names, a path, a link or the name that the loader searches for, and its routes must still
  /// agree.
  func refuseThreadConflicts(_ planning: inout Planning) {
    var settled = serving.filter { planning.plan.kept[$0.key] != nil }.values.flatMap(\.libraryCalls)
    for planned in planning.plan.generations {
      let calls = planned.libraryCalls
      let errors = calls.compactMap { call in
        call.conflict(among: settled + calls).map { PluginProblem(thread: call, conflictsWith: $0, file: planned.file) }
      }
      if errors.isEmpty {
        settled += calls
      } else {
        planning.plan.refusals[planned.file] = PluginError(problems: errors)
        refuse([planned], in: &planning.plan)
      }
    }
  }

  /// Takes generations that were not loaded out of the plan, and removes their copies.
  private func refuse(_ refused: [PlannedGeneration], in plan: inout ReloadPlan) {
    for planned in refused {
      if let copy = planned.ownCopy { copies.discard(copy) }
    }
    let files = Set(refused.map(\.file))
    plan.generations.removeAll { files.contains($0.file) }
  }

  /// Refuses routes that are configured for plugins that are not there.
  func refuseCallsOfMissingPlugins(_ planning: inout Planning) {
    let present = names(in: planning.plan)
    for (plugin, routes) in planning.calls.plugins where !present.contains(plugin) {
      let errors = routes.map { route in
        PluginProblem(code: .noFunction, plugin: plugin, file: route.place, reason: "no plugin of this name is loaded")
      }
      planning.plan.refusals[plugin] = PluginError(problems: errors)
    }
  }

  /// Reports settings of plugins that are not there: the name may be mistyped, or the file may come later.
  func noteSettingsOfMissingPlugins(_ planning: inout Planning) {
    let present = names(in: planning.plan)
    for name in planning.configuration.pluginSettings.keys.sorted() where !present.contains(name) {
      let near = suggestion(for: name, among: present.sorted()).map { "; did you mean \($0)?" } ?? ""
      planning.plan.notices.append(
        "\(source.name): plugin.\(name): no plugin of this name is loaded, so these settings have no effect\(near)")
    }
  }

  /// The names of all plugins and libraries that there are, refused or not.
  private func names(in plan: ReloadPlan) -> Set<String> {
    Set(serving.keys).subtracting(plan.removed)
      .union(plan.refusals.values.flatMap(\.problems).map(\.plugin)).union(plan.generations.map(\.name))
  }
}

extension PluginProblem {
  fileprivate init(thread call: LibraryCall, conflictsWith other: LibraryCall, file: String) {
    let own = call.call.placement.text(sharesOwnThread: false)
    let others = other.call.placement.text(sharesOwnThread: false)
    self.init(
      code: .conflictingThread, plugin: call.library, file: file,
      reason: "\(call.call.place): expected the same thread for all routes to one library, found \(own) here and "
        + "\(others) at \(other.call.place), which calls the same library as \(other.library); "
        + #"with thread = "own" all of its calls run on one thread"#)
  }
}
