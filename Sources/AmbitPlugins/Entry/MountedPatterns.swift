import AmbitCore

extension [RoutePattern] {
  /// The patterns of a plugin's routes below `prefix`, "" for none.
  /// - Throws: the first one that cannot stand there, and why.
  func mounted(below prefix: String, plugin: String, file: PluginFile) throws(PluginError) -> [RoutePattern] {
    guard !prefix.isEmpty else { return self }
    var patterns: [RoutePattern] = []
    for pattern in self {
      do throws(RoutePatternError) {
        patterns.append(try pattern.prefixed(by: prefix))
      } catch {
        let reason = "route \(pattern) cannot be mounted below \(prefix): \(error)"
        throw PluginError(.malformedRoute, file, plugin: plugin, reason)
      }
    }
    return patterns
  }
}
