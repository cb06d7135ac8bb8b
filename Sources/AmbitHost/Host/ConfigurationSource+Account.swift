internal import AmbitConfig
internal import AmbitSystem

// The user and the group of the configuration, looked up in the system.

extension ConfigurationSource {
  /// The user and groups to run as; nil if those of this process are meant, or if there is an error.
  /// - Parameter errors: gets what the configuration names and the system does not have.
  /// - Throws: if the system cannot look it up. That is no fault of the configuration.
  func account(
    _ configuration: HostConfiguration, _ errors: inout [ConfigurationError]
  ) throws(HostError) -> Account? {
    let count = errors.count
    let user = try configuration.user.flatMap { name throws(HostError) in try self.user(name, configuration, &errors) }
    let named = try configuration.group.flatMap { name throws(HostError) in
      try self.group(name, configuration, &errors)
    }
    guard errors.count == count, user != nil || named != nil else { return nil }
    guard let group = named ?? user?.group else {
      let reason = "user \(configuration.user ?? "") has no account that names one"
      errors.append(unfit("group", in: configuration, "the name or the number of a group, since \(reason)", found: ""))
      return nil
    }
    let number = user?.identifier ?? HostProcess.user
    if number == HostProcess.user, group == HostProcess.group { return nil }
    guard let user else {
      return Account(name: "\(number)", user: number, group: group, groups: HostProcess.groups, home: nil)
    }
    let groups = user.name.isEmpty ? [group] : UserDatabase.groups(ofUser: user.name, with: group)
    return Account(
      name: user.name.isEmpty ? "\(number)" : user.name, user: number, group: group, groups: groups,
      home: user.home.isEmpty ? "/" : user.home)
  }

  /// A user of the configuration. One that is given by its number need not have an account.
  private struct User {
    let identifier: UInt32
    var name = ""
    var group: UInt32?
    var home = ""
  }

  private func user(
    _ name: String, _ configuration: HostConfiguration, _ errors: inout [ConfigurationError]
  ) throws(HostError) -> User? {
    let number = UserDatabase.number(name)
    let found = try look(up: "user", name) { name throws(SystemError) in
      if let number { UserDatabase.user(number) } else { try UserDatabase.user(named: name) }
    }
    if let found { return User(identifier: found.identifier, name: found.name, group: found.group, home: found.home) }
    if let number { return User(identifier: number) }
    errors.append(unfit("user", in: configuration, "the name or the number of a user of this system", found: name))
    return nil
  }

  private func group(
    _ name: String, _ configuration: HostConfiguration, _ errors: inout [ConfigurationError]
  ) throws(HostError) -> UInt32? {
    if let found = try look(up: "group", name, by: UserDatabase.number(ofGroup:)) { return found }
    errors.append(unfit("group", in: configuration, "the name or the number of a group of this system", found: name))
    return nil
  }

  private func look<Found>(
    up key: String, _ name: String, by lookUp: (String) throws(SystemError) -> Found?
  ) throws(HostError) -> Found? {
    do throws(SystemError) {
      return try lookUp(name)
    } catch {
      throw HostError(["\(self.name): \(key): the system cannot look up \"\(name)\": \(SystemError.text(error.code))"])
    }
  }

  private func unfit(
    _ key: String, in configuration: HostConfiguration, _ expected: String, found: String
  ) -> ConfigurationError {
    ConfigurationError(
      file: name, at: configuration.places.place(of: key), message: "expected \(expected), found \"\(found)\"")
  }

  /// Why this process cannot run workers as `account`; nil if it can, or if the system does not tell.
  func objection(to account: Account, of configuration: HostConfiguration) -> String? {
    let isOwn = account.user == HostProcess.user
    let needed: [Capability] = isOwn ? [.setGroup] : [.setUser, .setGroup, .kill]
    let missing = needed.filter { $0.isHeld == false }.map(\.name)
    guard !missing.isEmpty else { return nil }
    let key = isOwn ? "group" : "user"
    let wanted = isOwn ? "group \(account.group)" : "\"\(account.name)\""
    let message = """
      expected a \(key) that the host may run workers as, found \(wanted), which needs \
      \(missing.joined(separator: ", ")): start the host as root, or remove the key
      """
    return ConfigurationError(file: name, at: configuration.places.place(of: key), message: message).description
  }
}
