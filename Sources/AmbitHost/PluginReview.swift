internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

/// A look at what the host would serve, without serving it.
package struct PluginReview {
  /// One route that would be served.
  package struct Route: Sendable {
    package let pattern: String
    package let plugin: String
    package let file: String
  }

  /// Sorted by path, then by method.
  package let routes: [Route]
  package let pluginCount: Int

  /// Reads the configuration and loads every plugin, as at start; their constructors run, their `start` does not.
  /// - Throws: every error that was found.
  package init(_ source: ConfigurationSource) throws(HostFailure) {
    let configuration = try source.read()
    var loading = try PluginLoading(source: source, configuration: configuration)
    defer { loading.copies.remove() }
    let result = try loading.load(configuration, serving: [:])
    guard result.refusals.isEmpty else {
      throw HostFailure(result.refusals.sorted { $0.key < $1.key }.flatMap { $0.value.errors.map(\.description) })
    }
    pluginCount = result.candidates.count { !$0.plugin.isForeign }
    routes = result.candidates.flatMap { candidate in
      candidate.patterns.map { pattern in
        Route(pattern: pattern.description, plugin: candidate.plugin.declaration.name, file: candidate.file)
      }
    }.sorted { Self.key(of: $0) < Self.key(of: $1) }
  }

  private static func key(of route: Route) -> String {
    let parts = route.pattern.split(separator: " ", maxSplits: 1)
    return "\(parts[1]) \(parts[0])"
  }
}
