package import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The host at work: its loops, its server, and the plugins that serve.
///
/// All of it is the control thread's, which waits for signals and does what they ask for, one after the other.
package final class Host {
  let source: ConfigurationSource
  /// What the host started with: loops, listeners, limits and logs stay as this says.
  let initial: HostConfiguration
  /// What the last successful reload found.
  var configuration: HostConfiguration
  let signals: Signals
  let loops: LoopGroup
  let server: HTTPServer
  /// Where clients connect. The host's, which closes them when `server` has stopped accepting.
  private(set) var sockets: [ListeningSocket] = []
  let repository: PluginRepository
  /// nil if there is no place for them.
  let lastGood: LastGoodCopies?
  /// What serves, by the plugin's name.
  var serving: [String: PluginGeneration] = [:]
  let state = HostState()
  let reloads = ReloadQueue()
  private var debounce = ReloadDebounce()
  /// nil if the configuration wants none.
  private(set) var admin: AdminServer?
  /// Those whose `start` did not return in time.
  var stuckStarts: [PluginGeneration] = []
  /// How many generations each plugin or library has had, by the name in their labels.
  var generationNumbers: [String: UInt64] = [:]
  let logger: Logger

  /// Starts the host: loads all plugins, then listens.
  /// - Parameters:
  ///   - configuration: what `source` says.
  ///   - isChecked: whether what plugins call is checked.
  /// - Throws: if a plugin or an address stands in the way; nothing is served then. A signal to stop ends the process.
  package init(
    _ source: ConfigurationSource, _ configuration: HostConfiguration, isChecked: Bool = false
  ) throws(HostError) {
    LogOutput.start(configuration.log, waits: false)
    logger = Logger(label: "ambit")
    self.source = source
    self.configuration = configuration
    initial = configuration
    HostProcess.raiseDescriptorLimit()
    DescriptorReserve.shared.fill()
    HostProcess.boundFreedMemory()
    ExitReport.prepare()
    if !HostProcess.hasProc {
      logger.warning(
        """
        /proc is not mounted: reports of blocked event loops do not say what their thread does, the status shows no memory \
        of libraries, and processes that a plugin starts in its dry run may outlive it; mount it with \
        "mount -t proc proc /proc"
        """)
    }
    do throws(SystemError) {
      try CrashReport.prepare(configuration.log.format == .json ? .json : .text)
      signals = try Signals()
      let limits = RuntimeLimits(
        stackSize: configuration.stackSize, handlerStackSize: configuration.handlerStackSize,
        jobsPerRequest: UInt32(configuration.limits.jobsPerRequest),
        cancelGrace: configuration.cancelGrace.wholeNanoseconds,
        stallWarning: configuration.stallWarning?.wholeNanoseconds)
      loops = try LoopGroup(
        count: configuration.threads, table: try HTTPCalls.makeTable(isChecked: isChecked), limits: limits,
        pool: ThreadPool.Limits(threads: configuration.poolThreads, queue: configuration.poolQueue))
      server = HTTPServer(loops: loops, limits: configuration.httpLimits)
    } catch {
      throw HostError(error)
    }
    repository = try PluginRepository(source: source, configuration: configuration) { [signals] in signals.isTerminating }
    lastGood = Self.openLastGood(source, configuration, logger)
    stopAtSecondSignal()
    do throws(HostError) {
      try start(isChecked: isChecked)
    } catch {
      admin?.drain()
      repository.copies.remove()
      guard error.isInterruption else { throw error }
      logger.info("stopped before anything was served")
      HostProcess.exit(0)
    }
  }

  /// Takes the addresses first: a host that cannot have them starts no plugin.
  private func start(isChecked: Bool) throws(HostError) {
    do throws(ListenError) {
      sockets = try ListeningSocket.open(at: configuration.listen)
    } catch {
      throw HostError(error)
    }
    stopAtSecondSignal()
    let urls = sockets.map(\.url)
    state.setAddresses(urls)
    try startAdmin()
    let report = try loadPlugins(
      configuration, refusing: configuration.start == .strict, fallingBack: true)
    for line in report.failed.lines { logger.error("\(line)") }
    server.accept(on: sockets)
    if isChecked { logger.notice("checked mode: calls of plugins are checked, and cost more time and memory") }
    for url in urls { logger.info("listening on \(url)") }
    if let path = source.adminPath(in: configuration) { logger.info("admin API on unix:\(path)") }
    state.enter(.serving)
    logger.info("serving", metadata: servingFields)
  }

  private func startAdmin() throws(HostError) {
    guard let path = source.adminPath(in: configuration) else { return }
    let routes = AdminRoutes(
      state: state, reloads: reloads, loops: loops, server: server, configuration: source.path)
    admin = try AdminServer(at: path, routes: routes.all)
    stopAtSecondSignal()
  }

  private var servingFields: Logger.Metadata {
    [
      "pid": "\(HostProcess.identifier)", "plugins": "\(serving.values.count { !$0.plugin.isForeign })",
      "routes": "\(serving.values.reduce(0) { $0 + $1.routes.count })", "threads": "\(loops.loops.count)",
    ]
  }

  /// Serves until a signal ends it; returns the exit status.
  package func run() -> Int32 {
    while !signals.isTerminating {
      if isReloadDue {
        debounce.begin(at: Clock.monotonic)
        reload()
        continue
      }
      switch signals.next(timeout: debounce.delay(at: Clock.monotonic) ?? -1) {
      case .reload: debounce.request()
      case .dump: loops.logScopeTree()
      case .reopenLog: keepLog()
      case .terminate, nil: break
      }
    }
    return shutDown()
  }

  /// The log is what the host was started with as its standard error, which is not the host's to open.
  func keepLog() {
    logger.notice("SIGUSR1: there is no log file to reopen; the log goes to standard error, as at the start")
  }

  /// Who asks over the admin API waits for an answer, and only once at a time: no debounce is kept then.
  private var isReloadDue: Bool {
    debounce.isRequested && (reloads.waitingCount > 0 || debounce.delay(at: Clock.monotonic) == 0)
  }
}

extension HostConfiguration {
  /// The limits of the server.
  var httpLimits: HTTPLimits {
    var server = HTTPLimits()
    server.head = HeadLimits(
      maxTarget: UInt32(limits.maxTarget), maxHead: UInt32(limits.maxHead), maxFields: limits.maxHeaders)
    server.maxBody = Int64(limits.maxBody)
    server.requestTimeout = limits.requestTimeout?.wholeNanoseconds ?? .max
    server.headTimeout = limits.headerTimeout.wholeNanoseconds
    server.idleTimeout = limits.idleTimeout?.wholeNanoseconds ?? .max
    return server
  }
}
