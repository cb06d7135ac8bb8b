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

  /// - Throws: every call that does not parse.
  init(_ configuration: HostConfiguration, file: String) throws(HostFailure) {
    var errors: [ConfigurationError] = []
    for setting in configuration.routes {
      guard let call = setting.call else { continue }
      do throws(SignatureError) {
        add(setting, try CallTarget(parsing: call.text), at: call.place.description(in: file))
      } catch {
        let place = SettingPlace(
          path: "\(call.place.path):\(error.line):\(error.column)", position: call.place.position)
        errors.append(ConfigurationError(file: file, at: place, message: error.message))
      }
    }
    guard errors.isEmpty else { throw HostFailure(errors.map(\.description)) }
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
