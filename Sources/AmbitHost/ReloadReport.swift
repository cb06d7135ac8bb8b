internal import AmbitPlugins

/// What a start or a reload did.
struct ReloadReport {
  var added: [String] = []
  var changed: [String] = []
  var kept: [String] = []
  var removed: [String] = []
  /// By the file of the plugin that was refused.
  var failed: [String: PluginRefusal] = [:]

  /// Why each refused plugin was, a line each, by file.
  var failures: [String] {
    failed.sorted { $0.key < $1.key }.flatMap { $0.value.errors.map(\.description) }
  }
}
