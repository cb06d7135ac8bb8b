internal import AmbitPlugins

/// What a start or a reload did.
struct ReloadReport {
  /// Of the plugins that were not refused, by file.
  var changes: [PluginChange] = []
  /// What the operator should know of those that serve, by file.
  var notes: [String: [String]] = [:]
  /// By the file of the plugin that was refused.
  var failed: [String: PluginError] = [:]

  /// Adds what became of a generation that is no failure.
  mutating func add(_ kind: PluginChange.Kind, _ generation: PluginGeneration) {
    changes.append(
      PluginChange(
        kind: kind, file: generation.file.path, generation: generation.label,
        notes: kind == .removed ? [] : notes[generation.file.path] ?? [],
        inUse: kind == .removed ? nil : generation.plugin.inPlaceState))
  }

  /// What became of each plugin, by kind and file.
  /// - Parameter serving: what serves now, by name: of a plugin that was refused, its last good generation.
  func allChanges(serving: [String: PluginGeneration]) -> [PluginChange] {
    let failures = failed.map { file, refusal in
      PluginChange(
        kind: .failed, file: file, generation: refusal.problems.compactMap { serving[$0.plugin]?.label }.first,
        reasons: refusal.problems.map(\.description))
    }
    return (changes + failures).sorted { ($0.kind.rank, $0.file) < ($1.kind.rank, $1.file) }
  }
}

extension [String: PluginError] {
  /// Why each plugin is refused, a line each, by file.
  var lines: [String] { sorted { $0.key < $1.key }.flatMap { $0.value.problems.map(\.description) } }
}
