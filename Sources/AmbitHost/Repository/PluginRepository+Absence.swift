internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// What is configured for plugins that are not there.

extension PluginRepository {
  /// Refuses what is configured for plugins that are not there, and serve nothing.
  func refuseCallsOfNobody(
    _ calls: CallRoutes, in plan: inout ReloadPlan, serving: [String: PluginGeneration]
  ) {
    let present = plan.names(besides: serving)
    for (plugin, routes) in calls.plugins where !present.contains(plugin) {
      let errors = routes.map { route in
        PluginProblem(code: .noFunction, plugin: plugin, file: route.place, reason: "no plugin of this name is loaded")
      }
      plan.refusals[plugin] = PluginError(problems: errors)
    }
  }

  /// Tells of settings for plugins that are not there: a name may be mistyped, or a file not be there yet.
  func noteSettingsOfNobody(
    _ configuration: HostConfiguration, in plan: inout ReloadPlan, serving: [String: PluginGeneration]
  ) {
    let present = plan.names(besides: serving)
    for name in configuration.pluginSettings.keys.sorted() where !present.contains(name) {
      let near = suggestion(for: name, among: present.sorted()).map { "; did you mean \($0)?" } ?? ""
      plan.notices.append(
        "\(source.name): plugin.\(name): no plugin of this name is loaded, and nobody reads its settings\(near)")
    }
  }
}

extension ReloadPlan {
  /// The names of plugins and libraries that are there, be they refused.
  fileprivate func names(besides serving: [String: PluginGeneration]) -> Set<String> {
    Set(serving.keys).subtracting(removed)
      .union(refusals.values.flatMap(\.problems).map(\.plugin)).union(candidates.map(\.name))
  }
}
