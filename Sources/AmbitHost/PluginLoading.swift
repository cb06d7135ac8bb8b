internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime

/// Reads the plugin directory and maps what is new or changed in it. No plugin's `start` has run.
struct PluginLoading {
  let source: ConfigurationSource
  let copies: PluginCopies
  /// How many generations each file has had, by its stem.
  private var generations: [String: UInt64] = [:]

  /// - Throws: if the folder for private copies cannot be made.
  init(source: ConfigurationSource, configuration: HostConfiguration) throws(HostFailure) {
    self.source = source
    let parent = configuration.privateDirectory.map { source.resolve($0) }
    do throws(FileError) {
      copies = try PluginCopies(in: parent ?? HostProcess.variable("TMPDIR") ?? "/tmp")
    } catch {
      throw HostFailure(error)
    }
  }

  /// A plugin that was mapped, with what the configuration says of it.
  struct Candidate {
    let plugin: LoadedPlugin
    let settings: PluginSettingValues
    let patterns: [RoutePattern]

    var file: String { plugin.copy.file.path }
    var claim: PluginConflicts.Claim { .init(plugin: plugin.declaration.name, file: file, patterns: patterns) }
  }

  /// What the directory has come to.
  struct Result {
    /// Files that are what `serving` has, with the same settings.
    var unchanged: [String] = []
    var candidates: [Candidate] = []
    var refusals: [String: PluginRefusal] = [:]
    /// What the operator should know and did allow for.
    var notices: [String] = []
    /// Files that `serving` has and the directory no longer.
    var removed: [String] = []
  }

  /// Compares the directory, and the libraries of configured routes, with what serves now, by file.
  /// - Throws: if the directory cannot be listed, or if a configured call does not parse.
  mutating func load(_ configuration: HostConfiguration, serving: [String: PluginGeneration]) throws(HostFailure)
    -> Result
  {
    let calls = try CallRoutes(configuration, file: source.path ?? "")
    let files: [PluginFile]
    do throws(FileError) {
      files = try PluginDirectory.list(source.resolve(configuration.plugins))
    } catch {
      throw HostFailure(error)
    }
    var result = Result()
    for file in files {
      result.take(file.path) { () throws(PluginRefusal) in
        try load(file, configuration, calls, serving: serving[file.path])
      }
    }
    for library in calls.libraries {
      result.take(library.name, isOptional: library.isOptional) { () throws(PluginRefusal) in
        try load(library, serving: serving[library.name])
      }
    }
    result.removed = Set(serving.keys).subtracting(files.map(\.path) + calls.libraries.map(\.name)).sorted()
    refuseConflicts(in: &result, serving: serving)
    refuseCallsOfNobody(calls, in: &result, serving: serving)
    return result
  }

  /// Maps a file; nil if it serves already as it is.
  private mutating func load(
    _ file: PluginFile, _ configuration: HostConfiguration, _ calls: CallRoutes, serving: PluginGeneration?
  ) throws(PluginRefusal) -> Candidate? {
    let content = try PluginContent(of: file, settle: configuration.settle)
    if let serving, serving.plugin.copy.hash == content.hash,
      serving.settings == configuration.settings(of: serving.plugin.declaration.name, calls)
    {
      return nil
    }
    let copy = try copies.add(content, generation: nextGeneration(of: file.stem))
    let plugin = try LoadedPlugin(copy)
    let settings = configuration.settings(of: plugin.declaration.name, calls)
    return Candidate(plugin: plugin, settings: settings, patterns: try plugin.patterns(settings))
  }

  /// The number of the generation that is about to be made of a file or library.
  mutating func nextGeneration(of name: String) -> UInt64 {
    let number = (generations[name] ?? 0) + 1
    generations[name] = number
    return number
  }

  private func refuseConflicts(in result: inout Result, serving: [String: PluginGeneration]) {
    let standing = (result.unchanged + result.refusals.keys).compactMap { serving[$0]?.claim }
    let candidates = result.candidates.map { candidate in
      PluginConflicts.Candidate(candidate.claim, predecessor: serving[candidate.file]?.claim)
    }
    let refusals = PluginConflicts.refusals(among: candidates, standing: standing)
    result.candidates.removeAll { refusals[$0.file] != nil }
    result.refusals.merge(refusals) { own, _ in own }
  }
}

extension HostConfiguration {
  /// What the configuration says of a plugin.
  fileprivate func settings(of plugin: String, _ calls: CallRoutes) -> PluginSettingValues {
    let settings = pluginSettings[plugin] ?? PluginSettings()
    return PluginSettingValues(
      prefix: settings.prefix, values: settings.values, calls: calls.plugins[plugin] ?? [])
  }
}

extension PluginGeneration {
  /// What this generation lays claim to while it serves.
  var claim: PluginConflicts.Claim {
    .init(plugin: plugin.declaration.name, file: plugin.copy.file.path, patterns: routes.map(\.pattern))
  }
}
