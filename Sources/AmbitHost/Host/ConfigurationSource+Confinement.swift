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
  /// - Throws: all that the configuration says of users, groups, paths and limits and that cannot work on this system;
  ///   another error if this process lacks the right for it, or if the system cannot look it up.
  func workerConfinement(
    _ configuration: HostConfiguration, isTrial: Bool = false
  ) throws(HostError) -> WorkerConfinement {
    var result = WorkerConfinement()
    var errors: [ConfigurationError] = []
    result.confinement.forbidsNewPrivileges = configuration.noNewPrivileges
    result.confinement.account = try account(configuration, &errors)
    result.confinement.limits = configuration.workerLimits.all
    checkOpenFiles(configuration, &errors)
    var missing: [ConfigurationError] = []
    result.confinement.writablePaths = writablePaths(configuration, &missing)
    guard (errors + missing).isEmpty else {
      let all = ConfigurationErrors(errors + missing)
      // What is missing may be there at the next start: a disk may not be mounted yet.
      throw errors.isEmpty ? HostError(all) : HostError.configuration(all)
    }
    try checkRights(configuration, isTrial, &result)
    // A user that is named may be the host's own, to whom a service manager has given capabilities.
    let isNamed = configuration.user != nil || configuration.group != nil
    result.confinement.dropsCapabilities = isNamed && (result.confinement.account?.user ?? HostProcess.user) != 0
    if result.confinement.writablePaths != nil, !Confinement.canBeReadOnly {
      result.confinement.writablePaths = nil
      // The rest of what the key means does not need Landlock.
      result.confinement.forbidsNewPrivileges = true
      result.warnings.append(
        """
        writable has no effect: the kernel has no Landlock, or a filter of system calls refuses it, so workers may \
        change whatever the rights to files let their user change
        """)
    }
    return result
  }

  /// - Throws: what this process has no right to do for its workers. In a trial the user is left out instead.
  private func checkRights(
    _ configuration: HostConfiguration, _ isTrial: Bool, _ result: inout WorkerConfinement
  ) throws(HostError) {
    var objections: [String] = []
    if let account = result.confinement.account, let objection = objection(to: account, of: configuration) {
      if isTrial {
        result.confinement.account = nil
        result.warnings.append("\(objection); the dry runs here run as the user of this command")
      } else {
        objections.append(objection)
      }
    }
    objections += result.confinement.limits.compactMap { objection(to: $0, of: configuration) }
    if !objections.isEmpty { throw HostError(objections) }
  }

  /// Why this process cannot give its workers a limit: it is above its own, which it lacks the right to raise.
  private func objection(to limit: Confinement.Limit, of configuration: HostConfiguration) -> String? {
    guard let highest = limit.resource.highest, limit.value ?? .max > highest, Capability.resource.isHeld == false
    else { return nil }
    let found = limit.value.map { "\($0)" } ?? "\"unlimited\""
    let message = """
      expected at most \(highest), the limit of the host itself, found \(found): raise that of the host (ulimit, or \
      Limit... of its systemd unit), or lower this one
      """
    let place = configuration.places.place(of: limit.resource.rawValue, in: "worker_limits")
    return ConfigurationError(file: name, at: place, message: message).description
  }

  /// A worker without descriptors for clients would start, and accept no connection.
  private func checkOpenFiles(_ configuration: HostConfiguration, _ errors: inout [ConfigurationError]) {
    let found = configuration.workerLimits.openFiles
    let loops = configuration.workerPlan(usableCPUs: UsableCPUs.current.count).threadsPerWorker
    let least = DescriptorReserve.leastLimit(loops: loops, sockets: configuration.listen.count)
    guard found > 0, found < least else { return }
    let message = """
      expected 0, or at least \(least), so that a worker with \(loops.pluralized("event loop")) has descriptors left \
      for clients, found \(found)
      """
    let place = configuration.places.place(of: "open_files", in: "worker_limits")
    errors.append(ConfigurationError(file: name, at: place, message: message))
  }

  /// The absolute paths of `writable`, without links: code of a plugin may change those before the next worker starts. Nil
  /// if the whole file system is writable.
  /// - Parameter missing: gets those that do not exist.
  private func writablePaths(_ configuration: HostConfiguration, _ missing: inout [ConfigurationError]) -> [String]? {
    let paths = configuration.writable.map { Paths.real(resolve($0)) }
    if paths.contains("/") { return nil }
    for (index, written) in configuration.writable.enumerated() where !Paths.exists(paths[index]) {
      let message = "expected the path of a file or a folder, found \"\(written)\": there is none"
      let place = configuration.places.place(of: "writable", element: index)
      missing.append(ConfigurationError(file: name, at: place, message: message))
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
