internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem
internal import Logging

// How the configuration confines workers and dry runs, with users and groups looked up, and paths resolved.

/// What workers and dry runs give up, as far as this system can take it.
struct WorkerConfinement {
  var confinement = Confinement()
  /// What was asked for and is left out, a line each.
  var warnings: [String] = []
}

extension ConfigurationSource {
  /// - Parameter isTrial: whether no worker will start, as in `ambit check`. Then a user that this process cannot become
  ///   is left out, with a warning.
  /// - Throws: what the configuration says of users, groups and paths that this system does not have; another error if
  ///   this process lacks the right for it, or if the system cannot look it up.
  func workerConfinement(
    _ configuration: HostConfiguration, isTrial: Bool = false
  ) throws(HostError) -> WorkerConfinement {
    var result = WorkerConfinement()
    result.confinement.forbidsNewPrivileges = configuration.noNewPrivileges
    result.confinement.account = try account(configuration)
    if let objection = result.confinement.account.flatMap(objection(to:)) {
      guard isTrial else { throw HostError([objection]) }
      result.confinement.account = nil
      result.warnings.append("\(objection); the dry runs here run as the user of this command")
    }
    result.confinement.limits = configuration.workerLimits.all
    try check(result.confinement.limits)
    result.confinement.writablePaths = try writablePaths(configuration)
    if result.confinement.writablePaths != nil, !Confinement.canBeReadOnly {
      result.confinement.writablePaths = nil
      result.warnings.append(
        """
        writable has no effect: the kernel has no Landlock, or a filter of system calls refuses it, so workers may \
        change whatever the rights to files let their user change
        """)
    }
    return result
  }

  // Users and groups.

  /// The user and groups to run as; nil if those of this process are meant.
  private func account(_ configuration: HostConfiguration) throws(HostError) -> Account? {
    guard configuration.user != nil || configuration.group != nil else { return nil }
    let user = try configuration.user.map { name throws(HostError) in try self.user(name) }
    let group = try configuration.group.map { name throws(HostError) in try self.group(name) } ?? user?.group
    guard let group else {
      let reason = "since user \(configuration.user ?? "") has no account that names one"
      throw unfit("group", "the name or the number of a group, \(reason)", found: "")
    }
    let number = user?.identifier ?? HostProcess.user
    if number == HostProcess.user, group == HostProcess.group { return nil }
    guard let user else {
      return Account(
        name: "\(number)", user: number, group: group, groups: HostProcess.groups, home: nil)
    }
    let groups = user.name.isEmpty ? [group] : UserDatabase.groups(ofUser: user.name, with: group)
    return Account(
      name: user.name.isEmpty ? "\(number)" : user.name, user: number, group: group, groups: groups,
      home: user.home.isEmpty ? nil : user.home)
  }

  private struct User {
    let identifier: UInt32
    var name = ""
    var group: UInt32?
    var home = ""
  }

  private func user(_ name: String) throws(HostError) -> User {
    let number = UInt32(name)
    let found: UserDatabase.User?
    do throws(SystemError) {
      found = if let number { UserDatabase.user(number) } else { try UserDatabase.user(named: name) }
    } catch {
      throw HostError(["\(self.name): user: the system cannot look up \"\(name)\": \(SystemError.text(error.code))"])
    }
    if let found { return User(identifier: found.identifier, name: found.name, group: found.group, home: found.home) }
    guard let number, number != .max else {
      throw unfit("user", "the name or the number of a user of this system", found: name)
    }
    return User(identifier: number)
  }

  private func group(_ name: String) throws(HostError) -> UInt32 {
    let found: UInt32?
    do throws(SystemError) {
      found = try UserDatabase.number(ofGroup: name)
    } catch {
      throw HostError(["\(self.name): group: the system cannot look up \"\(name)\": \(SystemError.text(error.code))"])
    }
    guard let found else { throw unfit("group", "the name or the number of a group of this system", found: name) }
    return found
  }

  /// Why this process cannot run workers as `account`; nil if it can, or if the system does not tell.
  private func objection(to account: Account) -> String? {
    let isOwn = account.user == HostProcess.user
    let needed: [Capability] = isOwn ? [.setGroup] : [.setUser, .setGroup, .kill]
    let missing = needed.filter { $0.isHeld == false }.map(\.name)
    guard !missing.isEmpty else { return nil }
    let key = isOwn ? "group" : "user"
    let wanted = isOwn ? "group \(account.group)" : "\"\(account.name)\""
    return """
      \(name): \(key): expected a \(key) that the host may run workers as, found \(wanted), which needs \
      \(missing.joined(separator: ", ")): start the host as root, or remove the key
      """
  }

  private func unfit(_ key: String, _ expected: String, found: String) -> HostError {
    HostError(configuration: "\(name): \(key): expected \(expected), found \"\(found)\"")
  }

  // Limits and paths.

  /// - Throws: if a limit is above that of this process, which lacks the right to raise it.
  private func check(_ limits: [Confinement.Limit]) throws(HostError) {
    for limit in limits {
      guard let highest = limit.resource.highest, limit.value ?? .max > highest, Capability.resource.isHeld == false
      else { continue }
      let found = limit.value.map { "\($0)" } ?? "\"unlimited\""
      throw HostError([
        """
        \(name): worker_limits.\(limit.resource.key): expected at most \(highest), the limit of the host itself, found \
        \(found): raise that of the host (ulimit, or Limit... of its systemd unit), or lower this one
        """
      ])
    }
  }

  /// The absolute paths of `writable`; nil if the whole file system is writable.
  private func writablePaths(_ configuration: HostConfiguration) throws(HostError) -> [String]? {
    let paths = configuration.writable.map(resolve)
    if paths.contains("/") { return nil }
    for (written, path) in zip(configuration.writable, paths) where !Paths.exists(path) {
      throw HostError([
        "\(name): writable: expected the path of a file or a folder, found \"\(written)\": there is none"
      ])
    }
    return paths
  }
}

extension HostConfiguration.WorkerLimits {
  /// Those that are set.
  fileprivate var all: [Confinement.Limit] {
    let sizes: [(Confinement.Resource, Limit?)] = [(.memory, memory), (.core, core), (.fileSize, fileSize)]
    let counts: [(Confinement.Resource, Int)] = [(.processes, processes), (.openFiles, openFiles)]
    return sizes.compactMap { resource, limit in
      switch limit {
      case .bytes(let bytes): Confinement.Limit(resource, bytes)
      case .unlimited: Confinement.Limit(resource, nil)
      case nil: nil
      }
    } + counts.filter { $0.1 > 0 }.map { Confinement.Limit($0.0, $0.1) }
  }
}

extension Confinement.Resource {
  /// Its key in `[worker_limits]`.
  fileprivate var key: String {
    switch self {
    case .memory: "memory"
    case .processes: "processes"
    case .openFiles: "open_files"
    case .core: "core"
    case .fileSize: "file_size"
    }
  }
}

extension Host {
  /// Makes dry runs from now on give up what the configuration says. At a reload, before plugins are planned.
  /// - Returns: what new workers are to give up.
  /// - Throws: as `workerConfinement`. Then nothing has changed.
  func confine(_ configuration: HostConfiguration) throws(HostError) -> Confinement {
    guard children != nil else { return Confinement() }
    let wanted = try source.workerConfinement(configuration)
    try repository.confine(by: wanted.confinement)
    for warning in wanted.warnings { logger.warning("\(warning)") }
    return wanted.confinement
  }
}
