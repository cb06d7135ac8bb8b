internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// Libraries that are no plugins. Each is taken for a plugin that declares nothing, and whose routes are all configured:
// so its routes have a generation, and change, stay and go like those of plugins.

extension PluginLoading {
  /// Opens a library for its routes, unless it serves them already; its constructors have until `limit` for that. One
  /// that is optional may be missing.
  func take(
    _ library: CallRoutes.Library, serving: PluginGeneration?, within limit: Duration, _ result: inout Result
  ) {
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    if let serving, serving.settings == settings {
      result.kept[library.name] = serving.file
      return
    }
    let path = library.name.contains("/") ? source.resolve(library.name) : library.name
    do throws(PluginRefusal) {
      let file = PluginFile(path: library.name)
      let opened = try loader.load(file, of: library.name, within: limit) { () throws(PluginRefusal) in
        LoadedPlugin(try ForeignLibrary(library.name, at: path))
      }
      try opened.check(library.routes)
      result.candidates.append(
        Candidate(origin: .library(opened), settings: settings, patterns: library.routes.map(\.pattern)))
    } catch {
      if library.isOptional, error.isOfLoader {
        result.notices += error.errors.map { "\($0); its routes are optional and left out" }
      } else {
        result.refusals[library.name] = error.isOfLoader ? error.asked(by: library.routes) : error
      }
    }
  }

  /// Refuses what is configured for plugins that are not there, and serve nothing.
  func refuseCallsOfNobody(
    _ calls: CallRoutes, in result: inout Result, serving: [String: PluginGeneration]
  ) {
    let present = result.names(besides: serving)
    for (plugin, routes) in calls.plugins where !present.contains(plugin) {
      let errors = routes.map { route in
        PluginError(code: .noFunction, plugin: plugin, file: route.place, reason: "no plugin of this name is loaded")
      }
      result.refusals[plugin] = PluginRefusal(errors: errors)
    }
  }
}

extension PluginLoading {
  /// Tells of settings for plugins that are not there: a name may be mistyped, or a file not be there yet.
  func noteSettingsOfNobody(
    _ configuration: HostConfiguration, in result: inout Result, serving: [String: PluginGeneration]
  ) {
    let present = result.names(besides: serving)
    for name in configuration.pluginSettings.keys.sorted() where !present.contains(name) {
      let near = nearestName(to: name, among: present.sorted()).map { "; did you mean \($0)?" } ?? ""
      result.notices.append(
        "\(source.path ?? ""): plugin.\(name): no plugin of this name is loaded, and nobody reads its settings\(near)")
    }
  }
}

extension PluginLoading.Result {
  /// The names of plugins and libraries that are there, be they refused.
  fileprivate func names(besides serving: [String: PluginGeneration]) -> Set<String> {
    Set(serving.keys).subtracting(removed)
      .union(refusals.values.flatMap(\.errors).map(\.plugin)).union(candidates.map(\.name))
  }
}

extension PluginRefusal {
  /// Whether the loader could not open the library at all.
  fileprivate var isOfLoader: Bool { errors.allSatisfy { $0.code == .notLoadable } }

  /// The same, with the place of the first route that asks for the library.
  fileprivate func asked(by routes: [CallRoute]) -> PluginRefusal {
    PluginRefusal(
      errors: errors.map { error in
        let place = routes.first.map { "; asked for by \($0.place)" } ?? ""
        return PluginError(code: error.code, plugin: error.plugin, file: error.file, reason: error.reason + place)
      })
  }
}
