internal import AmbitHTTP
internal import AmbitPlugins

/// What a worker serves from now on: what it has prepared, beside what it served before.
struct CommitOrder: Codable, Sendable {
  /// The names of plugins and libraries that are not served any more.
  var removed: [String] = []
  /// The files of plugins and libraries that go on serving as they are, by name.
  var kept: [String: PluginFile] = [:]
  /// Why a file is refused whose last good copy was prepared, by file.
  var fallbacks: [String: PluginError] = [:]
  /// The routes of plugins that are not to run: the worker answers in their place.
  var unavailable: [UnavailableRoute] = []
  /// The changes of single routes by the configuration.
  var routeChanges: [RouteChange] = []
  var routingOptions = RoutingOptions()
}

/// The result of a commit.
struct CommitReport: Codable, Sendable {
  /// Whether every loop uses the new routes. A blocked loop takes them when it turns again.
  let isComplete: Bool
  /// Libraries that are used in place, by name: why, and what that means for a new version of their files.
  let usedInPlace: [String: InPlaceState]
}
