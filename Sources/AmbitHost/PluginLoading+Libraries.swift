internal import AmbitCore
internal import AmbitPlugins

// Libraries that are no plugins. Each is taken for a plugin that declares nothing, and whose routes are all configured:
// so its routes have a generation, and change, stay and go like those of plugins.

extension PluginLoading {
  /// Opens a library for its routes; nil if it serves them already.
  mutating func load(
    _ library: CallRoutes.Library, serving: PluginGeneration?
  ) throws(PluginRefusal) -> Candidate? {
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    if let serving, serving.settings == settings { return nil }
    let path = library.name.contains("/") ? source.resolve(library.name) : library.name
    let opened = try ForeignLibrary(library.name, at: path)
    let plugin = LoadedPlugin(opened, generation: nextGeneration(of: library.name))
    return Candidate(plugin: plugin, settings: settings, patterns: try plugin.patterns(settings))
  }

  /// Refuses what is configured for plugins that are not there, and serve nothing.
  func refuseCallsOfNobody(
    _ calls: CallRoutes, in result: inout Result, serving: [String: PluginGeneration]
  ) {
    let kept = (result.unchanged + result.refusals.keys).compactMap { serving[$0]?.plugin.declaration.name }
    let refused = result.refusals.values.flatMap(\.errors).map(\.plugin)
    let present = Set(kept + refused + result.candidates.map(\.plugin.declaration.name))
    for (plugin, routes) in calls.plugins where !present.contains(plugin) {
      let errors = routes.map { route in
        PluginError(code: .noFunction, plugin: plugin, file: route.place, reason: "no plugin of this name is loaded")
      }
      result.refusals[plugin] = PluginRefusal(errors: errors)
    }
  }
}

extension PluginLoading.Result {
  /// Keeps what loading a file or a library has come to. One that is optional may be missing.
  mutating func take(
    _ file: String, isOptional: Bool = false, _ load: () throws(PluginRefusal) -> PluginLoading.Candidate?
  ) {
    do throws(PluginRefusal) {
      if let candidate = try load() { candidates.append(candidate) } else { unchanged.append(file) }
    } catch {
      if isOptional, error.isOfLoader {
        notices += error.errors.map { "\($0); its routes are optional and left out" }
      } else {
        refusals[file] = error
      }
    }
  }
}

extension PluginRefusal {
  /// Whether the loader could not open the library at all.
  fileprivate var isOfLoader: Bool { errors.allSatisfy { $0.code == .notLoadable } }
}
