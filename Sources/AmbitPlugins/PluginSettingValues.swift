/// What `host.conf` says of one plugin.
package struct PluginSettingValues: Sendable, Equatable {
  /// The path its routes are mounted below; empty for none.
  package let prefix: String
  package let values: [String: String]

  package init(prefix: String, values: [String: String]) {
    self.prefix = prefix
    self.values = values
  }
}
