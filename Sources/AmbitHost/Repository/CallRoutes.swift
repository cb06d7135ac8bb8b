internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem

/// The function routes of a configuration, by the plugin or library whose functions they call.
struct CallRoutes {
  /// The routes to functions of a library that is no plugin.
  struct Library {
    /// The name in the configuration.
    let name: String
    /// Where it is first configured: `host.conf:7`.
    let place: String
    var routes: [CallRoute] = []
    /// All routes are optional: if there is no such library, they are left out with a notice.
    var isOptional = true
  }

  /// In the order of the configuration.
  private(set) var libraries: [Library] = []
  /// By the plugin's name.
  private(set) var plugins: [String: [CallRoute]] = [:]

  /// - Parameter file: the name of the configuration in messages.
  init(_ configuration: HostConfiguration, file: String) {
    for setting in configuration.routes {
      if let call = setting.call { add(setting, call, in: file) }
    }
  }

  /// The routes to functions of the plugin or library of that name.
  func routes(of name: String) -> [CallRoute] {
    plugins[name] ?? libraries.first { $0.name == name }?.routes ?? []
  }

  private mutating func add(_ setting: RouteSetting, _ call: RouteSetting.Call, in file: String) {
    let (target, place) = (call.target, call.place.description(in: file))
    switch target.provider {
    case .plugin(let name):
      plugins[name, default: []].append(CallRoute(setting, target, .ofPlugin(setting), place: place))
    case .shared(let name):
      let index = libraries.firstIndex { $0.name == name } ?? libraries.endIndex
      if index == libraries.endIndex { libraries.append(Library(name: name, place: call.place.line(in: file))) }
      libraries[index].routes.append(CallRoute(setting, target, .ofLibrary(setting), place: place))
      if setting.optional != true { libraries[index].isOptional = false }
    }
  }
}

extension CallRoute {
  fileprivate init(_ setting: RouteSetting, _ target: CallTarget, _ placement: CallPlacement, place: String) {
    self.init(
      pattern: setting.match, symbol: target.symbol, signature: target.signature, placement: placement,
      finishesOnDisconnect: setting.onDisconnect == .finish, contentType: setting.contentType, place: place)
  }
}

extension CallPlacement {
  /// For a library, which knows nothing of this host: its functions may block and may not be thread-safe.
  fileprivate static func ofLibrary(_ setting: RouteSetting) -> CallPlacement {
    if setting.thread == .own { return .ownThread }
    if setting.blocking == false { return .loop(isSaidToBeSafe: setting.serial == false) }
    return setting.serial == false ? .parallel : .serial(staysOnPool: setting.thread == .pool)
  }

  /// For a plugin, whose author knows that calls run in parallel.
  fileprivate static func ofPlugin(_ setting: RouteSetting) -> CallPlacement {
    if setting.thread == .own { return .ownThread }
    if setting.serial == true { return .serial(staysOnPool: setting.thread == .pool) }
    return setting.blocking == true || setting.thread == .pool ? .parallel : .loop(isSaidToBeSafe: true)
  }
}

extension SettingPlace {
  /// `host.conf:12`, for messages.
  fileprivate func line(in file: String) -> String { position.map { "\(file):\($0.line)" } ?? file }

  /// `host.conf:12:1: route[2].call`, for messages.
  fileprivate func description(in file: String) -> String {
    guard let position else { return "\(file): \(path)" }
    return "\(file):\(position.line):\(position.column): \(path)"
  }
}
