internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// Serves: it owns the event loops, the thread pool, the HTTP server and the generations that are loaded.
///
/// It decides nothing about plugins: it prepares, commits and retires what it is told. The host speaks to it
/// through `WorkerHandle` only. `report`, `scopeTree` and `drain` may be called from any thread, all else is for the
/// control thread.
final class Worker: Sendable {
  /// The loaded generations. The control thread changes the lists, and other threads read them for reports.
  struct Generations {
    /// The generations that serve, by name.
    var serving: [String: PluginGeneration] = [:]
    /// The generations that are started and not committed yet, by name.
    var prepared: [String: PluginGeneration] = [:]
    /// The generations that the last commit replaced and that are not retired yet.
    var replaced: [PluginGeneration] = []
    /// The generations whose `start` did not return in time.
    var stuckStarts: [PluginGeneration] = []
    /// The generations that end because the host stops.
    var ending: [PluginGeneration] = []
    /// All that a report shows: those that serve by label, then the others whose library is in memory, the oldest
    /// first.
    var shown: [PluginGeneration] = []
  }

  let loops: LoopGroup
  let server: HTTPServer
  /// Answers for plugins that are not to run.
  let unavailable: UnavailableRoutes
  let loader: LibraryLoader
  /// Whether the host is to stop. Then nothing that a plugin does is waited for.
  let isStopping: @Sendable () -> Bool
  let logger = Logger(label: "ambit")
  let generations = Mutex(Generations())
  /// Whether the order to prepare generations waits for no `start` any more.
  let givesUpStarts = Atomic<Bool>(false)
  /// The folder of the private copies that are loaded.
  let copies = SharedCopies()
  let mapped = Mutex(MappedCopies())
  /// The turns of event loops whose connections were ended because the loops hang.
  let abandoned = Mutex<Set<HungTurn>>([])
  /// Whether it is the host's only worker, in the host's process: no other one may have mapped a copy.
  let isOnlyWorker: Bool

  /// Starts the loops and the thread pool. Nothing is served yet.
  /// - Parameters:
  ///   - role: its place among the workers of the host; nil: it is the only one.
  ///   - isChecked: whether calls of plugins are checked.
  ///   - isStopping: whether the host is to stop.
  /// - Throws: if the system has no more threads or memory.
  init(
    _ configuration: HostConfiguration, as role: WorkerRole? = nil, isChecked: Bool = false,
    isStopping: @escaping @Sendable () -> Bool = { false }
  ) throws(SystemError) {
    self.isStopping = isStopping
    InPlaceUse.noteHostsOwn()
    loader = try LibraryLoader(isStopping: isStopping)
    let limits = RuntimeLimits(
      stackSize: configuration.stackSize, handlerStackSize: configuration.handlerStackSize,
      jobsPerRequest: UInt32(configuration.limits.jobsPerRequest),
      cancelGrace: configuration.cancelGrace.wholeNanoseconds,
      stallWarning: configuration.stallWarning?.wholeNanoseconds)
    isOnlyWorker = role == nil
    let role = role ?? .only(loops: configuration.threads)
    loops = try LoopGroup(
      count: role.loops, table: try HTTPCalls.makeTable(isChecked: isChecked), limits: limits,
      pool: ThreadPool.Limits(threads: configuration.poolThreads, queue: configuration.poolQueue),
      place: role.place, runsOnceJobs: role.runsOnceJobs)
    server = HTTPServer(loops: loops, limits: configuration.httpLimits, sharing: role.sharing)
    unavailable = UnavailableRoutes(on: loops)
  }

  var loopCount: Int { loops.loops.count }

  /// Uses the limits of `configuration` for requests that begin from now on, and for what plugins take from now on.
  /// - Returns: whether every loop uses them. A blocked loop takes them when it runs again.
  func replaceLimits(by configuration: HostConfiguration) -> Bool {
    loops.limitJobs(perRequest: configuration.limits.jobsPerRequest)
    for generation in generations.withLock({ Array($0.prepared.values) + $0.shown }) {
      generation.limit(to: configuration.limits(of: generation.plugin.declaration.name))
    }
    return server.replaceLimits(by: configuration.httpLimits, within: LoopGroup.defaultTimeout)
  }

  /// Serves the clients that have connected to `sockets`, and those that will. The sockets stay the host's.
  func accept(on sockets: [ListeningSocket]) { server.accept(on: sockets) }

  /// Accepts no more connections on a socket.
  /// - Returns: false if a loop is blocked and may still use the socket.
  func stopAccepting(on socket: ListeningSocket) -> Bool { server.stopAccepting(on: socket) }

  /// Restores standard streams that plugins have closed, and reads the limit of descriptors again, which the operator
  /// may have raised: prlimit(1). At the beginning of a reload.
  func refreshProcess() {
    ClosedDescriptors.restoreStreams()
    server.readDescriptorLimit()
  }

  /// Which loops do not answer within `timeout` nanoseconds, and what blocks them, a line each. A blocked loop could not
  /// take new routes. From threads that may block.
  func blockedLoops(within timeout: Int64) -> [String] {
    loops.blockedLoops(within: timeout, unless: isStopping).map(\.description)
  }

  /// Writes all scopes and jobs to the log.
  func dump() { loops.logScopeTree() }

  /// All scopes and jobs. From threads that may block.
  func scopeTree() -> ScopeTreeReport { loops.scopeTree() }

  /// How many requests of each generation that serves have begun, on the loops that answer within `timeout` nanoseconds,
  /// by label. From threads that may block.
  func begunRequests(within timeout: Int64) -> [String: Int] {
    let serving = generations.withLock { Array($0.serving.values) }
    return PluginGeneration.begunRequests(of: serving, on: loops, within: timeout)
  }

  /// The state of the loops, the connections and the generations. Waits for each loop for at most `timeout`
  /// nanoseconds; a loop that is blocked for longer is left out. From threads that may block.
  func report(within timeout: Int64) -> WorkerReport {
    let servers = server.reports(within: timeout)
    let shown = generations.withLock { $0.shown }
    return WorkerReport(
      loops: servers, loopCount: loopCount, stalls: loops.stallCount, references: References.count,
      pool: loops.poolReport, generations: GenerationStatus.all(of: shown, on: loops, timeout: timeout))
  }
}

extension HostConfiguration {
  /// The limits of the server.
  fileprivate var httpLimits: HTTPLimits {
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
