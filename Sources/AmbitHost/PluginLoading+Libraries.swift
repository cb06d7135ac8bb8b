internal import AmbitCore
internal import AmbitPlugins

// Libraries that are no plugins. Each is taken for a plugin that declares nothing, and whose routes are all configured:
// so its routes have a generation, and change, stay and go like those of plugins.

extension PluginLoading {
  /// Opens a library for its routes, unless it serves them already. One that is optional may be missing.
  func take(_ library: CallRoutes.Library, serving: PluginGeneration?, _ result: inout Result) {
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    if let serving, serving.settings == settings {
      result.kept[library.name] = serving.file
      return
    }
    let path = library.name.contains("/") ? source.resolve(library.name) : library.name
    do throws(PluginRefusal) {
      let opened = LoadedPlugin(try ForeignLibrary(library.name, at: path))
      try opened.check(library.routes)
      result.candidates.append(
        Candidate(origin: .library(opened), settings: settings, patterns: library.routes.map(\.pattern)))
    } catch {
      if library.isOptional, error.isOfLoader {
        result.notices += error.errors.map { "\($0); its routes are optional and left out" }
      } else {
        result.refusals[library.name] = error
      }
    }
  }

  /// Refuses what is configured for plugins that are not there, and serve nothing.
  func refuseCallsOfNobody(
    _ calls: CallRoutes, in result: inout Result, serving: [String: PluginGeneration]
  ) {
    let present = Set(serving.keys).subtracting(result.removed)
      .union(result.refusals.values.flatMap(\.errors).map(\.plugin)).union(result.candidates.map(\.name))
    for (plugin, routes) in calls.plugins where !present.contains(plugin) {
      let errors = routes.map { route in
        PluginError(code: .noFunction, plugin: plugin, file: route.place, reason: "no plugin of this name is loaded")
      }
      result.refusals[plugin] = PluginRefusal(errors: errors)
    }
  }
}

extension PluginRefusal {
  /// Whether the loader could not open the library at all.
  fileprivate var isOfLoader: Bool { errors.allSatisfy { $0.code == .notLoadable } }
}
