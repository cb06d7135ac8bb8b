/// What `host.conf` says of one plugin.
package struct PluginSettingValues: Sendable, Equatable {
  /// The path its routes are mounted below; empty for none.
  package let prefix: String
  package let values: [String: String]
  /// The routes to its functions that are configured beside its own.
  package let calls: [CallRoute]

  package init(prefix: String, values: [String: String], calls: [CallRoute] = []) {
    self.prefix = prefix
    self.values = values
    self.calls = calls
  }
}
