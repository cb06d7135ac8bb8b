internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem

// What `listen` asks for, with the paths of unix sockets resolved, and users and groups looked up.

extension ConfigurationSource {
  /// The sockets that `listen` asks for; none if the file has no `listen` and a service manager has passed sockets.
  /// - Throws: all entries whose path is too long, or whose user or group this system does not know; another error if the
  ///   system cannot tell.
  func listenRequests(
    _ configuration: HostConfiguration, isActivated: Bool = false
  ) throws(HostError) -> [ListeningSocket.Request] {
    if isActivated, !configuration.hasListen { return [] }
    var errors: [ConfigurationError] = []
    let requests = try configuration.listen.map { setting throws(HostError) in try request(for: setting, &errors) }
    refuseSharedPaths(requests, configuration, &errors)
    guard errors.isEmpty else { throw HostError.configuration(ConfigurationErrors(errors)) }
    return requests
  }

  /// Why the host could not listen where `listen` says, as far as that can be known without opening a socket: a line for
  /// each address.
  /// - Throws: as `listenRequests`.
  func listenObjections(_ configuration: HostConfiguration) throws(HostError) -> [String] {
    try listenRequests(configuration).compactMap { address, _ in
      ListenCheck.objection(to: address).map { "\(ListenError(address: "\(address)", reason: $0))" }
    }
  }

  /// One path can be one socket only, however it is written.
  private func refuseSharedPaths(
    _ requests: [ListeningSocket.Request], _ configuration: HostConfiguration, _ errors: inout [ConfigurationError]
  ) {
    var owners: [String: String] = [:]
    if case .path(let name) = configuration.admin { owners[resolve(name)] = "admin" }
    for (setting, request) in zip(configuration.listen, requests) {
      guard case .unix(let path) = request.address else { continue }
      if let owner = owners[path] {
        let message = "expected a path of its own for each socket, found \(path), which is that of \(owner), too"
        errors.append(ConfigurationError(file: name, at: setting.place, message: message))
      }
      owners[path] = setting.place.path
    }
  }

  private func request(
    for setting: ListenSetting, _ errors: inout [ConfigurationError]
  ) throws(HostError) -> ListeningSocket.Request {
    var rights = SocketRights(mode: setting.mode)
    if let owner = setting.owner {
      rights.owner = try look(up: "user", owner, at: setting.place(of: "owner"), by: UserDatabase.number(ofUser:))
      if rights.owner == nil { errors.append(unknown("user", owner, at: setting.place(of: "owner"))) }
    }
    if let group = setting.group {
      rights.group = try look(up: "group", group, at: setting.place(of: "group"), by: UserDatabase.number(ofGroup:))
      if rights.group == nil { errors.append(unknown("group", group, at: setting.place(of: "group"))) }
    }
    guard case .unix(let name) = setting.address else { return (setting.address, rights) }
    let path = resolve(name)
    if path.utf8.count > ListenAddress.longestPath {
      let message =
        "expected a socket path of at most \(ListenAddress.longestPath) bytes, found \(path.utf8.count) bytes: \(path)"
      errors.append(ConfigurationError(file: self.name, at: setting.place, message: message))
    }
    return (.unix(path: path), rights)
  }

  /// - Throws: if the system cannot tell whether there is such an account. That is no fault of the configuration.
  private func look(
    up kind: String, _ name: String, at place: SettingPlace, by lookUp: (String) throws(SystemError) -> UInt32?
  ) throws(HostError) -> UInt32? {
    do throws(SystemError) {
      return try lookUp(name)
    } catch {
      let message = "the system cannot look up the \(kind) \"\(name)\": \(SystemError.text(error.code))"
      throw HostError(ConfigurationError(file: self.name, at: place, message: message))
    }
  }

  private func unknown(_ kind: String, _ name: String, at place: SettingPlace) -> ConfigurationError {
    let message = "expected the name or the number of a \(kind) of this system, found \"\(name)\""
    return ConfigurationError(file: self.name, at: place, message: message)
  }
}
