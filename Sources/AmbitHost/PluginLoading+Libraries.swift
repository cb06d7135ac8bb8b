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
