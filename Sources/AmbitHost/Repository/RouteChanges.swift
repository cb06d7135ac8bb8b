internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitRuntime
internal import AmbitSystem

/// The changes of single routes by the configuration: entries without `call` change routes of plugins, and entries with
/// `call` set what does not concern the call.
struct RouteChanges {
  private let settings: [RouteSetting]

  init(_ configuration: HostConfiguration) { settings = configuration.routes }

  /// A route that would be served, for the check.
  struct Route {
    let pattern: RoutePattern
    let plugin: String
    /// All code of the plugin runs on threads.
    let runsOnThreads: Bool
    /// The plugin has its handler or function run on a thread.
    let isBlocking: Bool
    /// Bytes of stack that the plugin asks for at the route; 0: none.
    let stackSize: Int
  }

  /// The changes for the server, in the order of the configuration.
  var all: [RouteChange] {
    settings.map { setting in
      let isOwn = setting.call == nil
      return RouteChange(
        pattern: setting.match, timeout: setting.timeout?.wholeNanoseconds, isBlocking: isOwn ? setting.blocking : nil,
        finishesOnDisconnect: isOwn ? setting.onDisconnect.map { $0 == .finish } : nil, stackSize: setting.stackSize,
        bodyBuffer: setting.bufferBody)
    }
  }

  /// The errors: stack sizes that no thread can have, for functions that run on threads; then changes of a plugin's
  /// route that cannot be made, because there is no such route or because it may not leave its thread.
  /// - Parameter isComplete: whether `routes` has the routes of all plugins, because none was refused.
  func errors(in file: String, among routes: [Route], isComplete: Bool) -> [ConfigurationError] {
    let ofFunctions = settings.filter { $0.call != nil && Self.usesThread($0) }
    return ofFunctions.compactMap { stackError(of: $0, onThread: true, in: file) }
      + changeErrors(in: file, among: routes, isComplete: isComplete)
  }

  /// Changes of a plugin's route that have no effect, and probable mistakes in signatures, a line each.
  func notices(in file: String, among routes: [Route]) -> [String] {
    changeNotices(in: file, among: routes) + signatureNotices(in: file)
  }

  private func signatureNotices(in file: String) -> [String] {
    settings.flatMap { setting in
      (setting.call?.target.signature.doubts(on: setting.match) ?? []).map { doubt in
        error(in: file, at: setting, key: "call", doubt).description
      }
    }
  }

  private func changeNotices(in file: String, among routes: [Route]) -> [String] {
    settings.filter { $0.call == nil && $0.bufferBody ?? 0 > 0 }.compactMap { setting in
      guard let route = routes.first(where: { $0.pattern == setting.match }),
        !(setting.blocking ?? (route.isBlocking || route.runsOnThreads))
      else { return nil }
      let error = error(
        in: file, at: setting, key: "buffer_body",
        "it has no effect: the handler of plugin \(route.plugin) runs on the event loop, where a request holds no "
          + "thread while its body comes")
      return error.description
    }
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
          "no plugin has the route \(setting.match)" + (isComplete ? "" : ", unless a refused plugin does")
            + (near.map { "; did you mean \($0)?" } ?? ""))
      }
      let onThread = route.runsOnThreads || setting.blocking ?? route.isBlocking
      if let error = stackError(of: setting, onThread: onThread, in: file) { return error }
      if setting.blocking == true, setting.stackSize == nil,
        let expected = StackSize.mismatch(route.stackSize, onThread: true)
      {
        return error(
          in: file, at: setting, key: "blocking",
          "expected a handler whose stack is \(expected), found one for which plugin \(route.plugin) asks for "
            + "\(route.stackSize) bytes; set stack_size as well if it needs less")
      }
      guard setting.blocking == false, route.runsOnThreads else { return nil }
      return error(
        in: file, at: setting, key: "blocking",
        "expected true: plugin \(route.plugin) runs only on threads (AMBIT_PLUGIN_THREADS)")
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

extension HostConfiguration {
  /// The options of all routes.
  var routingOptions: RoutingOptions {
    var options = RoutingOptions()
    options.exposesGeneration = exposeGeneration
    options.allowsHalfClose = halfClose == .allow
    return options
  }
}
