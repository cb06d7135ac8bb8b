/// One `[plugin.NAME]` table: where the plugin is mounted, and the settings that the plugin itself reads.
package struct PluginSettings: Sendable, Equatable {
  /// The path below which all routes of the plugin are mounted, such as "/v1"; empty for none.
  package var prefix: String
  /// Every other key of the table. Numbers and booleans are text: integers in decimal whatever the notation of the
  /// file, floating-point numbers in the shortest form that gives the same value back.
  package var values: [String: String]

  package init(prefix: String = "", values: [String: String] = [:]) {
    self.prefix = prefix
    self.values = values
  }
}
