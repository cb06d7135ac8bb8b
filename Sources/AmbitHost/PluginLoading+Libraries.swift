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

// One library may be configured under several names: a path, a link, the name that the loader searches for. Its routes
// agree on its thread all the same.

extension PluginLoading {
  /// Refuses libraries of which another route, under whatever name, wants the functions to run on another thread.
  func refuseThreadConflicts(in result: inout Result, serving: [String: PluginGeneration]) {
    var settled = serving.filter { result.kept[$0.key] != nil }.values.flatMap {
      LibraryCall.all($0.settings.calls, of: $0.plugin)
    }
    var refused: Set<String> = []
    for candidate in result.candidates {
      guard case .library(let library) = candidate.origin else { continue }
      let calls = LibraryCall.all(candidate.settings.calls, of: library)
      let errors = calls.compactMap { call in
        call.conflict(among: settled + calls).map { PluginError(thread: call, conflictsWith: $0, file: candidate.file) }
      }
      if errors.isEmpty {
        settled += calls
      } else {
        result.refusals[candidate.file] = PluginRefusal(errors: errors)
        refused.insert(candidate.name)
      }
    }
    result.candidates.removeAll { refused.contains($0.name) }
  }
}

extension PluginError {
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
