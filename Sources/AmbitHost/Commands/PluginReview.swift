internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// `ambit check` and `ambit routes`: what the host would serve.
package struct PluginReview {
  /// One route that would be served.
  package struct Route: Sendable {
    package let pattern: String
    package let plugin: String
    package let file: String
    /// The signature of the C function that answers; nil for a handler.
    package let call: String?
    /// Where the C function runs, a few words; nil for a handler.
    package let runs: String?
  }

  /// Sorted by path, then by method.
  package let routes: [Route]
  private let pluginCount: Int
  /// Notices and warnings that are no errors, a line each.
  package let notices: [String]

  /// Reads the configuration and makes a dry run of every plugin, as at start. What the plugins log goes to standard
  /// error, in the configured form. Call it once in a process. Blocks.
  /// - Parameter isOfStart: whether to find out, too, what else would keep a host from starting: `StartCheck`.
  /// - Throws: all errors.
  package init(_ source: ConfigurationSource, isOfStart: Bool = false) throws(HostError) {
    let configuration = try source.read()
    LogOutput.start(configuration.log, waits: true)
    let start = isOfStart ? try StartCheck(source, configuration) : StartCheck()
    do throws(HostError) {
      try self.init(source, configuration, start.notices)
    } catch {
      throw error.preceded(by: start.errors)
    }
    if !start.errors.isEmpty { throw HostError(start.errors) }
  }

  private init(
    _ source: ConfigurationSource, _ configuration: HostConfiguration, _ startNotices: [String]
  ) throws(HostError) {
    let confinement = try source.workerConfinement(configuration, isTrial: true)
    let repository = try PluginRepository(source, configuration, confinedBy: confinement.confinement)
    defer { repository.copies.remove() }
    let plan = try repository.plan(configuration)
    try plan.validate(refusing: true)
    notices =
      startNotices + confinement.warnings + [repository.copiesNotice].compactMap { $0 } + plan.notices
      + plan.notes.sorted { $0.key < $1.key }.flatMap { file, notes in notes.map { "\(file): \($0)" } }
    pluginCount = plan.generations.count { $0.isPlugin }
    let calls = plan.generations.flatMap(\.libraryCalls)
    routes = plan.generations.flatMap { planned in
      let functions = zip(planned.functions, planned.placements(among: calls))
      return zip(planned.patterns, functions).map { pattern, function in
        Route(
          pattern: pattern.description, plugin: planned.name, file: planned.file, call: function.0,
          runs: function.1)
      }
    }.sorted { Self.key(of: $0) < Self.key(of: $1) }
  }

  /// "2 plugins, 5 routes".
  package var summary: String { "\(pluginCount.pluralized("plugin")), \(routes.count.pluralized("route"))" }

  /// The routes as a table: pattern, plugin, file, and for a C function its signature and where it runs.
  package var lines: [String] {
    var table = TextTable()
    for route in routes {
      if let call = route.call {
        table.add(route.pattern, route.plugin, route.file, call, route.runs ?? "")
      } else {
        table.add(route.pattern, route.plugin, route.file)
      }
    }
    return table.lines
  }

  private static func key(of route: Route) -> String {
    let parts = route.pattern.split(separator: " ", maxSplits: 1)
    return "\(parts[1]) \(parts[0])"
  }
}
