internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

/// The routes to C functions that a configuration asks for, by whose functions they are.
struct CallRoutes {
  /// The routes to functions of one library that is no plugin.
  struct Library {
    /// As it is configured.
    let name: String
    var routes: [CallRoute] = []
    /// All of them are left out, with a notice, if the library cannot be opened.
    var isOptional = true
  }

  /// In the order of the configuration.
  private(set) var libraries: [Library] = []
  /// By the plugin's name.
  private(set) var plugins: [String: [CallRoute]] = [:]

  /// `file` names the configuration in messages.
  init(_ configuration: HostConfiguration, file: String) {
    for setting in configuration.routes {
      if let call = setting.call { add(setting, call.target, at: call.place.description(in: file)) }
    }
  }

  /// Those to functions of the plugin or library of that name.
  func routes(of name: String) -> [CallRoute] {
    plugins[name] ?? libraries.first { $0.name == name }?.routes ?? []
  }

  private mutating func add(_ setting: RouteSetting, _ target: CallTarget, at place: String) {
    switch target.provider {
    case .plugin(let name):
      plugins[name, default: []].append(CallRoute(setting, target, blocksByDefault: false, place: place))
    case .shared(let name):
      let index = libraries.firstIndex { $0.name == name } ?? libraries.endIndex
      if index == libraries.endIndex { libraries.append(Library(name: name)) }
      // What knows nothing of this host may block.
      libraries[index].routes.append(CallRoute(setting, target, blocksByDefault: true, place: place))
      if setting.optional != true { libraries[index].isOptional = false }
    }
  }
}

extension CallRoute {
  fileprivate init(_ setting: RouteSetting, _ target: CallTarget, blocksByDefault: Bool, place: String) {
    var flags: RouteFlags = []
    if setting.blocking ?? blocksByDefault { flags.insert(.blocking) }
    if setting.onDisconnect == .finish { flags.insert(.finishOnDisconnect) }
    self.init(
      pattern: setting.match, symbol: target.symbol, signature: target.signature, flags: flags,
      contentType: setting.contentType, place: place)
  }
}

extension SettingPlace {
  /// `host.conf:12:1: route[2].call`, for messages.
  fileprivate func description(in file: String) -> String {
    guard let position else { return "\(file): \(path)" }
    return "\(file):\(position.line):\(position.column): \(path)"
  }
}
