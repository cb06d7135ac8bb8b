internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// How the host speaks to a worker. Every order and every answer is a value, so that a worker in another process can be
/// told the same by messages.
///
/// The host is the only sender. A reload is `refreshProcess`, `prepare`, `abort` for what is not wanted, `commit`, and
/// `retire`. The end of the host is `drain` and `end`.
enum WorkerHandle: Sendable {
  /// The worker runs in the process of the host.
  case inProcess(Worker)
}

// Orders. For the control thread, but for `drain`.

extension WorkerHandle {
  /// See `Worker.prepare`. Blocks.
  func prepare(_ generations: [PlannedGeneration], within limit: Duration) -> Preparation {
    switch self {
    case .inProcess(let worker): worker.prepare(generations, within: limit)
    }
  }

  /// See `Worker.abort`.
  func abort(_ names: [String]) {
    switch self {
    case .inProcess(let worker): worker.abort(names)
    }
  }

  /// See `Worker.commit`.
  func commit(_ order: CommitOrder) throws(HostError) -> CommitReport {
    switch self {
    case .inProcess(let worker): try worker.commit(order)
    }
  }

  /// See `Worker.retire`.
  func retire(drain: Duration) {
    switch self {
    case .inProcess(let worker): worker.retire(drain: drain)
    }
  }

  /// See `Worker.replaceLimits`.
  func replaceLimits(by configuration: HostConfiguration) -> Bool {
    switch self {
    case .inProcess(let worker): worker.replaceLimits(by: configuration)
    }
  }

  /// See `Worker.refreshProcess`.
  func refreshProcess() {
    switch self {
    case .inProcess(let worker): worker.refreshProcess()
    }
  }

  /// See `Worker.accept`.
  func accept(on sockets: [ListeningSocket]) {
    switch self {
    case .inProcess(let worker): worker.accept(on: sockets)
    }
  }

  /// See `Worker.stopAccepting`.
  func stopAccepting(on socket: ListeningSocket) -> Bool {
    switch self {
    case .inProcess(let worker): worker.stopAccepting(on: socket)
    }
  }

  /// See `Worker.drain`. From any thread.
  func drain(within timeout: Int64) -> Bool {
    switch self {
    case .inProcess(let worker): worker.drain(within: timeout)
    }
  }

  /// See `Worker.end`.
  func end() {
    switch self {
    case .inProcess(let worker): worker.end()
    }
  }

  /// See `Worker.endPrepared`.
  func endPrepared() {
    switch self {
    case .inProcess(let worker): worker.endPrepared()
    }
  }

  /// See `Worker.logRunning`.
  func logRunning(within timeout: Int64) -> [String] {
    switch self {
    case .inProcess(let worker): worker.logRunning(within: timeout)
    }
  }

  /// See `Worker.dump`.
  func dump() {
    switch self {
    case .inProcess(let worker): worker.dump()
    }
  }
}

// Questions. From threads that may block.

extension WorkerHandle {
  var loopCount: Int {
    switch self {
    case .inProcess(let worker): worker.loopCount
    }
  }

  /// See `Worker.hasEnded`.
  var hasEnded: Bool {
    switch self {
    case .inProcess(let worker): worker.hasEnded
    }
  }

  /// See `Worker.runningLabels`. From any thread.
  var runningLabels: [String] {
    switch self {
    case .inProcess(let worker): worker.runningLabels
    }
  }

  /// See `Worker.save`.
  func save(_ plugin: String, within limit: Duration) throws(PluginError) -> HandedOverState? {
    switch self {
    case .inProcess(let worker): try worker.save(plugin, within: limit)
    }
  }

  /// See `Worker.lookUp`.
  func lookUp(
    _ routes: [CallRoute], in library: String, within limit: Duration
  ) throws(PluginError) -> [LibraryCall] {
    switch self {
    case .inProcess(let worker): try worker.lookUp(routes, in: library, within: limit)
    }
  }

  /// See `Worker.findLibrary`.
  func findLibrary(
    _ name: String, at path: String, besides copies: String, within limit: Duration
  ) throws(PluginError) -> FoundLibrary {
    switch self {
    case .inProcess(let worker): try worker.findLibrary(name, at: path, besides: copies, within: limit)
    }
  }

  /// See `Worker.loadedLibrary`.
  func loadedLibrary(
    _ name: String, file: String?, besides copies: String, within limit: Duration
  ) throws(PluginError) -> LoadedLibrary? {
    switch self {
    case .inProcess(let worker): try worker.loadedLibrary(name, file: file, besides: copies, within: limit)
    }
  }

  /// See `Worker.isLoaderBusy`.
  var isLoaderBusy: Bool {
    switch self {
    case .inProcess(let worker): worker.isLoaderBusy
    }
  }

  /// See `Worker.report`.
  func report(within timeout: Int64) -> WorkerReport {
    switch self {
    case .inProcess(let worker): worker.report(within: timeout)
    }
  }

  /// See `Worker.scopeTree`.
  func scopeTree() -> ScopeTreeReport {
    switch self {
    case .inProcess(let worker): worker.scopeTree()
    }
  }

  /// See `Worker.blockedLoops`.
  func blockedLoops() -> [String] {
    switch self {
    case .inProcess(let worker): worker.blockedLoops()
    }
  }

  /// See `Worker.liveRequests`.
  func liveRequests(within timeout: Int64) -> Int? {
    switch self {
    case .inProcess(let worker): worker.liveRequests(within: timeout)
    }
  }
}
