internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
package import AmbitSystem
internal import Logging
internal import Synchronization

/// The host: puts the configuration, the plugin repository, the workers and the admin API together, and does what
/// signals ask for.
///
/// It serves nothing itself and speaks to its workers through `WorkerGroup` only. They run in processes of their own,
/// and the host is their supervisor, which runs no code of plugins and outlives their crashes; or the only worker runs
/// in the host's process. All of it is the control thread's.
package final class Host {
  let source: ConfigurationSource
  /// The configuration at the start. Loops and the log's format stay as it says.
  let initial: HostConfiguration
  /// The configuration of the last successful reload.
  var configuration: HostConfiguration
  /// How long what is cancelled may take at the end. New workers take a change over, a single process does not.
  var cancelGrace: Duration { children == nil ? initial.cancelGrace : configuration.cancelGrace }
  let signals: Signals
  let workers: WorkerGroup
  /// The processes of the workers; nil if the worker runs in this process.
  let children: ChildProcesses?
  let repository: PluginRepository
  let state = HostState()
  let reloads = ReloadQueue()
  let upgrades = UpgradeQueue()
  let rollBacks = RollBackQueue()
  /// When the host last looked whether generations are proven, in monotonic nanoseconds.
  var lastLook: Int64 = 0
  /// A crash would have rolled a generation back at the last look.
  var isOnProbation = false
  private var debounce = ReloadDebounce()
  /// The sockets that the worker accepts on. They are the host's, which closes them when the worker has stopped
  /// accepting.
  let listeners = ListenerSet()
  /// nil if the configuration wants no admin API.
  private(set) var admin: AdminServer?
  let logger: Logger

  /// How the host runs.
  package struct Options: Sendable {
    /// The only worker runs in the host's process.
    package var isSingle: Bool
    /// Calls of plugins are checked.
    package var isChecked: Bool

    package init(isSingle: Bool = false, isChecked: Bool = false) {
      (self.isSingle, self.isChecked) = (isSingle, isChecked)
    }
  }

  /// Starts the host: opens the sockets, loads all plugins, then serves.
  /// - Parameters:
  ///   - text: what `source` says.
  ///   - existing: the signals of the process, if it has a value for them already.
  ///   - takeOver: what the program before this one has handed over, if this one has replaced it.
  /// - Throws: if a plugin or an address fails. Then nothing is served. A signal to stop ends the process.
  package init(
    _ source: ConfigurationSource, _ text: ConfigurationText, _ options: Options, signals existing: Signals? = nil,
    takingOver takeOver: TakeOver? = nil
  ) throws(HostError) {
    configuration = try text.parse()
    (self.source, initial) = (source, configuration)
    LogOutput.start(configuration.log, waits: false)
    logger = Logger(label: "ambit")
    try Self.prepareProcess(configuration)
    if !HostProcess.hasProc {
      logger.warning(
        """
        /proc is not mounted: reports of blocked event loops do not say what their thread does, the status shows no \
        memory of libraries, and processes that a plugin starts in its dry run may outlive it; mount it with \
        "mount -t proc proc /proc"
        """)
    }
    let confinement = options.isSingle ? WorkerConfinement() : try source.workerConfinement(configuration)
    do throws(SystemError) {
      let signals = if let existing { existing } else { try Signals(reclaims: options.isSingle) }
      self.signals = signals
      let isStopping: @Sendable () -> Bool = { signals.isTerminating }
      if options.isSingle {
        if HostProcess.identifier == 1 {
          logger.notice(
            """
            process 1 of its container, with --single: processes that lose their parent are not reaped when they end; \
            leave out --single, or have the container engine run an init (docker run --init)
            """)
        }
        children = nil
        let worker = try Worker(configuration, isChecked: options.isChecked, isStopping: isStopping)
        workers = WorkerGroup(worker, configuration, text)
      } else {
        let children = ChildProcesses()
        self.children = children
        workers = WorkerGroup(configuration, text, isStopping: isStopping)
        if let takeOver { workers.adopt(takeOver, by: children) }
        try children.begin()
      }
    } catch {
      throw HostError(error)
    }
    repository = try PluginRepository(
      source, configuration, confinedBy: confinement.confinement, lastGood: .open(source, configuration)
    ) { [signals, faults = workers.faults] in signals.isTerminating || faults.breaksReloadOff }
    for warning in confinement.warnings { logger.warning("\(warning)") }
    workers.restorer.withLock { $0 = repository.restorer }
    writeReports(configuration)
    workers.copies.withLock { $0 = repository.copies }
    workers.onChange.withLock { [signals] in $0 = { signals.notify() } }
    workers.faults.onOrder.withLock { [signals, unowned workers] order in
      order = {
        signals.notify()
        workers.giveUpStarts()
      }
    }
    if let notice = repository.copiesNotice { logger.notice("\(notice)") }
    if let takeOver, let children {
      receive(takeOver)
      repository.generationNumbers = takeOver.generationNumbers
      watchStart(takeOver, children)
    }
    stopInTime()
    do throws(HostError) {
      try start(text, options, takeOver)
    } catch {
      if let takeOver, !error.isInterruption { fallBack(takeOver, because: error) }
      listeners.close()
      admin?.drain(within: 100_000_000)
      endWorkersOfFailedStart()
      repository.copies.remove()
      guard error.isInterruption else { throw error }
      logger.info("stopped before the host served anything")
      HostProcess.exit(0, by: ShutdownDeadline(of: self).lastMoment)
    }
  }

  /// Starts the host and serves, on a thread of its own, the control thread. The calling thread, which is the main one,
  /// runs the main queue meanwhile: see `MainThread`.
  /// - Parameters:
  ///   - signals: the signals of the process, if it has a value for them already.
  ///   - fail: ends the process. It gets why the host cannot start.
  /// - Throws: if the system has no thread.
  package static func serve(
    _ source: ConfigurationSource, _ text: ConfigurationText, _ options: Options, signals: Signals? = nil,
    takingOver takeOver: TakeOver? = nil, fail: @escaping @Sendable (HostError) -> Never
  ) throws(HostError) {
    do throws(SystemError) {
      try Signals.install()
      try MainThread.serve(codeReturned: ForkedChild.endIfReturnedFromMainQueue) {
        do throws(HostError) {
          try Host(source, text, options, signals: signals, takingOver: takeOver).run()
        } catch {
          fail(error)
        }
      }
    } catch {
      throw HostError(error)
    }
  }

  /// Sets up what belongs to the process as a whole, before it has threads of plugins.
  static func prepareProcess(_ configuration: HostConfiguration) throws(HostError) {
    HostProcess.raiseDescriptorLimit()
    DescriptorReserve.shared.fill()
    HostProcess.boundFreedMemory()
    ExitReport.prepare()
    do throws(SystemError) {
      try CrashReport.prepare(configuration.log.format == .json ? .json : .text)
    } catch {
      throw HostError(error)
    }
  }

  /// Opens the sockets first: a host that cannot have its addresses starts no plugin.
  private func start(
    _ text: ConfigurationText, _ options: Options, _ takeOver: TakeOver?
  ) throws(HostError) {
    if takeOver != nil { try startServiceWatchdog(takeOver) }
    let opening = try openListeners()
    if takeOver == nil { listeners.commit(opening) { _ in true } }
    let sockets = opening.listeners.map(\.socket)
    state.setAddresses(sockets.map(\.url))
    stopInTime()
    if let children {
      let settings = WorkerSettings(
        configuration, text, confinedBy: repository.confinement, isChecked: options.isChecked,
        writesJSON: configuration.log.format == .json)
      try workers.start(settings, children: children)
      let slots = workers.slots.withLock { $0 }
      for (slot, crashes) in zip(slots, takeOver?.crashes ?? []) { slot.inherit(crashes: crashes) }
    }
    try startAdmin()
    // A program that runs again because the next one has failed serves what it can.
    let isStrict = configuration.start == .strict && takeOver?.isFallBack != true
    let (changes, _) = try loadPlugins(configuration, refusing: isStrict, fallingBack: true)
    for line in changes.flatMap(\.reasons) { logger.error("\(line)") }
    // The workers of the program before accept connections until all of this one can.
    if takeOver != nil { try workers.awaitStart() }
    workers.accept(on: sockets)
    try workers.awaitStart()
    if options.isChecked { logger.notice("checked mode: calls of plugins are checked, which costs time and memory") }
    opening.listeners.forEach(logListening)
    if let path = admin?.path { logger.info("admin API on unix:\(path)") }
    if options.isSingle {
      if let notice = configuration.singleProcessNotice { logger.notice("\(notice)") }
      if let notice = configuration.unconfinedNotice { logger.warning("\(notice)") }
      if let notice = configuration.unsupervisedNotice { logger.notice("\(notice)") }
    }
    reportQuota()
    state.enter(.serving)
    if takeOver == nil { try startServiceWatchdog(nil) }
    if let takeOver { finish(takeOver, opening, changes) }
    workers.noteServingCopies()
    logger.info("serving", metadata: servingFields)
    service.ready(status: serviceStatus)
  }

  /// Says why there are fewer event loops than cores.
  private func reportQuota() {
    let usable = UsableCPUs.current
    guard configuration.threads == 0, let quota = usable.quota, usable.count < usable.cores else { return }
    logger.info(
      """
      the CPU quota of the control group is worth \(quota) CPUs of \(usable.cores), so the host has \
      \(workers.loopCount.pluralized("event loop")); "threads" in host.conf sets another number
      """)
  }

  private func startAdmin() throws(HostError) {
    let socket = try AdminSocket(source, configuration)
    if let notice = socket.notice { logger.notice("\(notice)") }
    guard let path = socket.path else { return }
    let routes = AdminRoutes(
      state: state, reloads: reloads, upgrades: upgrades, rollBacks: rollBacks, signals: signals, workers: workers,
      configuration: source.path)
    admin = try AdminServer(at: path, routes: routes.all)
    stopInTime()
  }

  private var servingFields: Logger.Metadata {
    let plugins = repository.serving.values
    var fields: Logger.Metadata = [
      "pid": "\(HostProcess.identifier)", "plugins": "\(plugins.count { !$0.isLibrary })",
      "routes": "\(plugins.reduce(0) { $0 + $1.patterns.count })", "threads": "\(workers.loopCount)",
    ]
    if children != nil { fields["workers"] = "\(workers.slots.withLock(\.count))" }
    return fields
  }

  /// Serves until a signal ends it, then ends the process.
  package func run() -> Never {
    giveBackUnusedMemory()
    while !signals.isTerminating {
      if isReloadDue {
        debounce.begin(at: Clock.monotonic)
        reload()
        giveBackUnusedMemory()
        continue
      }
      lookIfDue()
      switch signals.next(timeout: timeToWait) {
      case .reload: debounce.request()
      case .dump: workers.dump()
      case .reopenLog: keepLog()
      case .order:
        followFaults()
        rollBackOnRequest()
        upgrade()
        service.status(serviceStatus)
      case .terminate, nil: break
      }
    }
    shutDown()
  }

  /// How long the control thread may wait for a signal, in nanoseconds; negative: without a limit.
  private var timeToWait: Int64 {
    [debounce.delay(at: Clock.monotonic), timeUntilLook].compactMap { $0 }.min() ?? -1
  }

  /// A supervisor only waits from now on. In a process that serves, requests need what this would give back.
  private func giveBackUnusedMemory() {
    if children != nil { HostProcess.giveBackUnusedMemory() }
  }

  /// The host did not open its log, which is the standard error that it was started with.
  func keepLog() {
    logger.notice("SIGUSR1: there is no log file to reopen; the log goes to standard error, as at the start")
  }

  /// A client of the admin API waits for the answer before it asks again, so its reload is not debounced.
  private var isReloadDue: Bool {
    debounce.isRequested && (reloads.waitingCount > 0 || debounce.delay(at: Clock.monotonic) == 0)
  }
}
