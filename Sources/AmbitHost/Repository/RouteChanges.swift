internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// What the configuration changes of single routes: those of plugins by entries without `call`, and of its own routes
/// what is no matter of the call.
struct RouteChanges {
  private let settings: [RouteSetting]

  init(_ configuration: HostConfiguration) { settings = configuration.routes }

  /// A route that would be served, for the check.
  struct Route {
    let pattern: RoutePattern
    let plugin: String
    /// All of the plugin's code runs on threads.
    let runsOnThreads: Bool
  }

  /// For the server, in the order of the configuration.
  var all: [RouteChange] {
    settings.map { setting in
      let isOwn = setting.call == nil
      return RouteChange(
        pattern: setting.match, timeout: setting.timeout?.wholeNanoseconds, isBlocking: isOwn ? setting.blocking : nil,
        finishesOnDisconnect: isOwn ? setting.onDisconnect.map { $0 == .finish } : nil, stackSize: setting.stackSize)
    }
  }

  /// Each stack that no thread has, of routes to functions that run on one; then each change of a plugin's route that cannot
  /// be made: there is no such route, or it may not leave its thread.
  /// - Parameter isComplete: whether `routes` has those of all plugins, as none was refused.
  func errors(in file: String, among routes: [Route], isComplete: Bool) -> [ConfigurationError] {
    let ofFunctions = settings.filter { $0.call != nil && Self.usesThread($0) }
    return ofFunctions.compactMap { stackError(of: $0, onThread: true, in: file) }
      + changeErrors(in: file, among: routes, isComplete: isComplete)
  }

  /// Whether the function of a route with `call` is called on a thread.
  private static func usesThread(_ setting: RouteSetting) -> Bool {
    if let isBlocking = setting.blocking { return isBlocking }
    if setting.thread != nil || setting.serial == true { return true }
    if case .shared = setting.call?.target.provider { return true }
    return false
  }

  private func stackError(of setting: RouteSetting, onThread: Bool, in file: String) -> ConfigurationError? {
    guard let size = setting.stackSize, let expected = StackSize.mismatch(size, onThread: onThread) else { return nil }
    return error(in: file, at: setting, key: "stack_size", "expected \(expected), found \(size)")
  }

  private func changeErrors(in file: String, among routes: [Route], isComplete: Bool) -> [ConfigurationError] {
    settings.filter { $0.call == nil }.compactMap { setting in
      guard let route = routes.first(where: { $0.pattern == setting.match }) else {
        let near = suggestion(for: setting.match.description, among: routes.map(\.pattern.description))
        return error(
          in: file, at: setting, key: "match",
          "no plugin has the route \(setting.match)" + (isComplete ? "" : ", unless one that is refused does")
            + (near.map { "; did you mean \($0)?" } ?? ""))
      }
      let onThread = route.runsOnThreads || setting.blocking == true
      if let error = stackError(of: setting, onThread: onThread, in: file) { return error }
      guard setting.blocking == false, route.runsOnThreads else { return nil }
      return error(
        in: file, at: setting, key: "blocking",
        "expected true: plugin \(route.plugin) runs on threads alone (AMBIT_PLUGIN_THREADS)")
    }
  }

  private func error(in file: String, at setting: RouteSetting, key: String, _ message: String) -> ConfigurationError {
    let place = SettingPlace(path: "\(setting.place.path).\(key)", position: setting.place.position)
    return ConfigurationError(file: file, at: place, message: message)
  }
}

extension RouteSetting.TimeLimit {
  fileprivate var wholeNanoseconds: Int64 {
    switch self {
    case .unlimited: .max
    case .after(let duration): duration.wholeNanoseconds
    }
  }
}

extension ReloadPlan {
  /// All that is wrong, a line each: why plugins are refused, then which changes of routes cannot be made.
  func errors(_ configuration: HostConfiguration, file: String, serving: [String: PluginGeneration]) -> [String] {
    refusals.lines + changeErrors(configuration, file: file, serving: serving)
  }

  /// The changes of routes that cannot be made, a line each; `file` is the configuration's name.
  func changeErrors(
    _ configuration: HostConfiguration, file: String, serving: [String: PluginGeneration]
  ) -> [String] {
    RouteChanges(configuration).errors(
      in: file, among: routes(besides: serving), isComplete: refusals.isEmpty && fallbacks.isEmpty
    ).map(\.description)
  }

  /// The routes that there will be if every candidate is taken in.
  private func routes(besides serving: [String: PluginGeneration]) -> [RouteChanges.Route] {
    let leaving = Set(removed).union(candidates.map(\.name))
    return serving.filter { !leaving.contains($0.key) }.values.flatMap { generation in
      let declaration = generation.plugin.declaration
      return generation.routes.map { route in
        RouteChanges.Route(
          pattern: route.pattern, plugin: declaration.name, runsOnThreads: declaration.flags.contains(.threads))
      }
    }
      + candidates.flatMap { candidate in
        candidate.patterns.map { pattern in
          RouteChanges.Route(pattern: pattern, plugin: candidate.name, runsOnThreads: candidate.runsOnThreads)
        }
      }
  }
}

extension PluginGeneration {
  /// The routes as the server takes them.
  var routeDeclarations: [RouteDeclaration] {
    routes.map { route in
      RouteDeclaration(
        pattern: route.pattern, entryPoint: route.entryPoint, finishesOnDisconnect: route.finishesOnDisconnect,
        contentType: route.contentType)
    }
  }
}

extension HostConfiguration {
  /// What holds for all routes.
  var routingOptions: RoutingOptions {
    var options = RoutingOptions()
    options.exposesGeneration = exposeGeneration
    options.allowsHalfClose = halfClose == .allow
    return options
  }
}
