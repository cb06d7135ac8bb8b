internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// Decides what a start or a reload does: lists the plugin directory, waits until files are stable, checks whether they
/// can be trusted, copies them, tries each copy in a dry run, settles conflicts, and numbers generations. The result is
/// a `ReloadPlan`. Nothing is loaded into this process, and its loader is not asked: what is loaded is known to the
/// workers. Of a library it maps only private copies, to read their ELF tables, and unmaps them at once.
///
/// It owns the private copies, the last good copies, the generation numbers and the record of what serves, all of which
/// survive a worker. For the control thread.
final class PluginRepository {
  let source: ConfigurationSource
  let copies: PluginCopies
  /// nil if there is no place for last good copies.
  let lastGood: LastGoodCopies?
  /// Whether a plan is to be given up: the host is to stop, or a plugin is to be rolled back first. Then nothing that a
  /// plugin does is waited for.
  let isStopping: @Sendable () -> Bool
  /// The program that runs as the child of a dry run; nil: the one of this process, wherever its file is by then.
  let program: String?
  /// Why the folder of private copies is not the first choice; nil if it is.
  let copiesNotice: String?
  let logger = Logger(label: "ambit")
  /// What dry runs give up.
  private(set) var confinement: Confinement
  /// The plugins and libraries that serve, by name.
  var serving: [String: ServingPlugin] = [:]
  /// The number of the last generation, by the name in labels.
  var generationNumbers: [String: UInt64] = [:]
  /// All plugin files and libraries of the last plan that was adopted.
  var files: [PluginFile] = []
  /// Why contents are refused that were rolled back, by SHA-256 in hexadecimal.
  var refusedContents: [String: PluginError] = [:]
  /// The plugins that the next plan tries again although their files have not changed.
  var retried: Set<String> = []

  /// Makes the folder for private copies.
  /// - Parameters:
  ///   - confinement: What dry runs give up, as workers do. It decides who has to be able to read private copies.
  ///   - lastGood: Where copies of what serves are kept for a start that finds a bad file; nil for nowhere.
  ///   - program: The program that is started for dry runs; nil: the one of this process.
  ///   - isStopping: Whether a plan is to be given up.
  /// - Throws: if the folder cannot be made or cannot be trusted.
  init(
    _ source: ConfigurationSource, _ configuration: HostConfiguration, confinedBy confinement: Confinement = .init(),
    lastGood: LastGoodCopies? = nil, program: String? = nil, isStopping: @escaping @Sendable () -> Bool = { false }
  ) throws(HostError) {
    (self.source, self.lastGood, self.confinement) = (source, lastGood, confinement)
    (self.program, self.isStopping) = (program, isStopping)
    do throws(PrivateFolder.Unavailable) {
      let folder = try PrivateFolder.open(
        configuration.privateDirectory.map(source.resolve), environment: HostProcess.environment,
        trust: configuration.fileTrust, for: confinement.account)
      (copies, copiesNotice) = (folder.copies, folder.notice)
    } catch {
      throw HostError(error)
    }
  }

  /// Confines later dry runs in another way, and lets those processes and later workers read the private copies.
  /// - Throws: if they could not reach the copies. Then nothing has changed.
  func confine(by confinement: Confinement) throws(HostError) {
    if let account = confinement.account {
      if let objection = PrivateFolder.objection(to: account, in: Paths.folder(of: copies.path)) {
        throw HostError(["the folder of private copies: \(objection), or set private and restart the host"])
      }
      copies.share()
    }
    self.confinement = confinement
  }

  /// Compares the plugin directory and the configuration with what serves, and tries what is new or changed in a dry
  /// run. Blocks.
  ///
  /// Plugins are planned independently: one that is refused is in `refusals`, and the others proceed.
  /// - Parameters:
  ///   - workers: Answer questions about what is loaded; nil if nothing is, as in a worker that is yet to start. Then
  ///     this process, which has loaded nothing either, answers.
  ///   - fallingBack: At the start, the last good copy takes the place of a refused file.
  /// - Throws: if the directory cannot be listed or trusted, or `isStopping` says so.
  func plan(
    _ configuration: HostConfiguration, asking workers: WorkerGroup? = nil, fallingBack: Bool = false
  ) throws(HostError) -> ReloadPlan {
    try restoreCopies()
    var planning = Planning(configuration, self, asking: workers)
    do throws(HostError) {
      try plan(configuration, &planning, fallingBack)
    } catch {
      discard(planning.plan)
      throw error
    }
    return planning.plan
  }

  private func plan(
    _ configuration: HostConfiguration, _ planning: inout Planning, _ fallingBack: Bool
  ) throws(HostError) {
    let files = try list(configuration)
    planning.plan.files =
      files + planning.calls.libraries.map { PluginFile(library: $0.name, at: source.resolveLibrary($0.name)) }
    for file in files {
      takePlugin(file, &planning)
      try failIfStopping()
    }
    for library in planning.calls.libraries {
      takeLibrary(library, &planning)
      try failIfStopping()
    }
    // A last good copy that was refused because of a conflict may have none after the first round.
    for _ in 0..<2 {
      if fallingBack, let lastGood { try fallBack(to: lastGood, &planning) }
      refuseThreadConflicts(&planning)
      refuseRouteConflicts(&planning)
    }
    planning.plan.refuseFallbacks()
    for planned in planning.plan.generations { planning.plan.notes[planned.file, default: []] += planned.warnings }
    planning.plan.removed = planning.plan.missing(from: serving)
    refuseCallsOfMissingPlugins(&planning)
    noteSettingsOfMissingPlugins(&planning)
    let (changes, routes) = (RouteChanges(configuration), routes(after: planning.plan))
    planning.plan.routeErrors = changes.errors(
      in: source.name, among: routes,
      isComplete: planning.plan.refusals.isEmpty && planning.plan.fallbacks.isEmpty
    ).map(\.description)
    planning.plan.notices += changes.notices(in: source.name, among: routes)
    assignNumbers(&planning.plan)
  }

  /// The work on one plan: the configuration, what is derived from it, and the plan so far.
  struct Planning {
    let configuration: HostConfiguration
    let calls: CallRoutes
    let dryRun: DryRun
    let workers: WorkerGroup?
    var resolver: DependencyResolver
    /// Finds the libraries that a new worker would load; nil if workers cannot be replaced.
    var resolverOfNewWorkers: DependencyResolver?
    var plan = ReloadPlan()
    var stateOfDryRun = DryRunState.saved

    /// What `start` gets in a dry run.
    enum DryRunState {
      /// What the generation that serves hands over.
      case saved
      case given(HandedOverState?)
    }

    init(_ configuration: HostConfiguration, _ repository: PluginRepository, asking workers: WorkerGroup?) {
      self.configuration = configuration
      self.workers = workers
      calls = CallRoutes(configuration, file: repository.source.name)
      dryRun = DryRun(
        program: repository.program ?? HostProcess.binary,
        limits: configuration.dryRunLimits(confinedBy: repository.confinement), timeout: configuration.dryRunTimeout,
        isStopping: repository.isStopping, log: PluginRepository.log)
      resolver = repository.makeResolver(configuration, asking: workers)
      if let workers, !workers.isInProcess {
        resolverOfNewWorkers = repository.makeResolver(configuration, asking: nil)
      }
      plan.routeChanges = RouteChanges(configuration).all
      plan.routingOptions = configuration.routingOptions
    }
  }

  /// - Throws: if a plan is to be given up.
  func failIfStopping() throws(HostError) {
    if isStopping() { throw .interruption }
  }

  private func list(_ configuration: HostConfiguration) throws(HostError) -> [PluginFile] {
    let directory = source.resolve(configuration.plugins)
    let files: [PluginFile]
    do throws(FileError) {
      files = try PluginDirectory.list(source.shown(configuration.plugins), at: directory)
    } catch {
      throw HostError(["plugins: \(error)"])
    }
    do throws(UntrustedFile) {
      try configuration.fileTrust.check(directory)
    } catch {
      throw HostError(["plugins: \(error)"])
    }
    return files
  }

  /// The routes that will be served if every planned generation is loaded.
  private func routes(after plan: ReloadPlan) -> [RouteChanges.Route] {
    let leaving = Set(plan.removed).union(plan.generations.map(\.name))
    let staying = serving.filter { !leaving.contains($0.key) }.values.flatMap { plugin in
      plugin.patterns.indices.map { index in
        RouteChanges.Route(
          pattern: plugin.patterns[index], plugin: plugin.name, runsOnThreads: plugin.runsOnThreads,
          isBlocking: plugin.blocking[index], stackSize: plugin.stackSizes[index])
      }
    }
    return staying
      + plan.generations.flatMap { planned in
        let (blocking, stackSizes) = (planned.blocking, planned.stackSizes)
        return planned.patterns.indices.map { index in
          RouteChanges.Route(
            pattern: planned.patterns[index], plugin: planned.name, runsOnThreads: planned.runsOnThreads,
            isBlocking: blocking[index], stackSize: stackSizes[index])
        }
      }
  }

  /// Logs what a plugin writes and logs in its dry run. The plugin's name says so: "hello/dry-run".
  private static func log(_ event: RelayLogHandler.Event) {
    let fields = event.fields.map { ($0.key, Logger.Metadata.Value.string($0.value)) }
    Logger(label: "ambit.dry-run").log(
      level: Logger.Level(rawValue: event.level) ?? .info, "\(event.message)",
      metadata: Dictionary(fields) { $1 })
  }
}

extension HostConfiguration {
  var fileTrust: FileTrust {
    switch trust {
    case .owner: .owner
    case .any: .any
    }
  }

  /// The limits of the child of a dry run.
  func dryRunLimits(confinedBy confinement: Confinement) -> DryRunLimits {
    DryRunLimits(
      stackSize: stackSize, cancelGrace: cancelGrace.wholeNanoseconds, poolThreads: poolThreads,
      logLevel: log.level.rawValue, confinement: confinement)
  }
}
