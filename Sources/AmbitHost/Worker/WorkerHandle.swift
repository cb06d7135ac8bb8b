internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// How the host speaks to one worker. Every order and every answer is a value, so that a worker in another process can
/// be told the same by messages.
///
/// The host is the only sender. A reload is `refreshProcess`, `prepare`, `abort` for what is not wanted, `commit`, and
/// `retire`. A worker whose process is gone answers nothing: its calls return nil, or what means the same.
enum WorkerHandle: Sendable {
  /// The worker runs in the process of the host.
  case inProcess(Worker)
  case process(WorkerProcess)

  /// How long an answer may take that does not wait for plugins, in nanoseconds.
  private static var promptly: Int64 { LoopGroup.defaultTimeout + 5_000_000_000 }
  /// How long an answer may take that waits for each loop for at most a second.
  private static var soon: Int64 { 4_000_000_000 }

  /// Whether both are the same worker.
  func isSame(as other: WorkerHandle) -> Bool {
    switch (self, other) {
    case (.inProcess(let one), .inProcess(let other)): one === other
    case (.process(let one), .process(let other)): one === other
    default: false
    }
  }

  /// The number of its process.
  var pid: Int32 {
    switch self {
    case .inProcess: HostProcess.identifier
    case .process(let process): process.pid
    }
  }

  /// Whether it can still answer.
  var isGone: Bool {
    switch self {
    case .inProcess: false
    case .process(let process): process.isGone
    }
  }
}

// Orders. For one thread at a time.

extension WorkerHandle {
  /// See `Worker.prepare`. Blocks.
  /// - Returns: nil if the worker does not answer.
  func prepare(_ planned: PlannedGeneration, within limit: Duration) -> Preparation? {
    switch self {
    case .inProcess(let worker): return worker.prepare([planned], within: limit)
    case .process(let process):
      // Its load, the old generation's `save` and its `start` each have the limit, and a second to return.
      let timeout = (limit * 3).wholeNanoseconds + Self.promptly
      process.note(planned: planned)
      process.note(mapping: planned.copy)
      let answer = process.ask(.prepare([planned], within: limit), within: timeout, as: Preparation.self)
      if answer != nil { process.note(mapped: planned.copy) }
      if answer?.prepared[planned.name] != nil { process.note(prepared: planned) }
      return answer
    }
  }

  /// As `prepare`, for a reload, which refuses the generation if the worker ends meanwhile.
  func tryOut(_ planned: PlannedGeneration, within limit: Duration) -> Preparation? {
    guard case .process(let process) = self else { return prepare(planned, within: limit) }
    return process.trying { prepare(planned, within: limit) }
  }

  /// See `Worker.abort`.
  func abort(_ names: [String]) {
    switch self {
    case .inProcess(let worker): worker.abort(names)
    case .process(let process):
      process.noteAborted(names)
      _ = process.ask(.abort(names), within: Self.promptly, as: Done.self)
    }
  }

  /// See `Worker.commit`.
  /// - Returns: nil if the worker does not answer.
  func commit(_ order: CommitOrder) throws(HostError) -> CommitReport? {
    switch self {
    case .inProcess(let worker): return try worker.commit(order)
    case .process(let process):
      let answer = process.ask(.commit(order), within: Self.promptly, as: CallResult<CommitReport, HostError>.self)
      guard let report = try answer?.get() else { return nil }
      process.noteCommit(of: order)
      return report
    }
  }

  /// The labels of the generations that it serves, and of those that it has prepared, by name.
  var known: (serving: [String: String], prepared: [String: String]) {
    switch self {
    case .inProcess(let worker): worker.known
    case .process(let process): process.known
    }
  }

  /// See `Worker.retire`.
  /// - Returns: nil if the worker does not answer.
  func retire(drain: Duration) -> Done? {
    switch self {
    case .inProcess(let worker):
      worker.retire(drain: drain)
      return Done()
    case .process(let process): return process.ask(.retire(drain: drain), within: Self.promptly, as: Done.self)
    }
  }

  /// See `Worker.replaceLimits`.
  /// - Returns: nil if the worker does not answer.
  func replaceLimits(by configuration: HostConfiguration, _ text: ConfigurationText) -> Bool? {
    switch self {
    case .inProcess(let worker): worker.replaceLimits(by: configuration)
    case .process(let process): process.ask(.replaceLimits(text), within: Self.promptly, as: Bool.self)
    }
  }

  /// See `Worker.refreshProcess`.
  func refreshProcess() {
    switch self {
    case .inProcess(let worker): worker.refreshProcess()
    case .process(let process): _ = process.ask(.refreshProcess, within: Self.promptly, as: Done.self)
    }
  }

  /// See `Worker.accept`.
  /// - Returns: nil if the worker does not answer.
  func accept(on sockets: [ListeningSocket]) -> Done? {
    switch self {
    case .inProcess(let worker):
      worker.accept(on: sockets)
      return Done()
    case .process(let process):
      return process.ask(
        .accept(sockets.map(\.handover)), passing: sockets.flatMap { [$0.descriptor, $0.relay] },
        within: Self.promptly, as: Done.self)
    }
  }

  /// See `Worker.stopAccepting`.
  /// - Returns: whether no loop of this process uses the socket; nil if the worker does not answer.
  func stopAccepting(on socket: ListeningSocket) -> Bool? {
    switch self {
    case .inProcess(let worker): worker.stopAccepting(on: socket)
    // Its descriptors are not the supervisor's, so those are free in any case.
    case .process(let process):
      process.ask(.stopAccepting(socket.id), within: Self.promptly, as: Bool.self).map { _ in true }
    }
  }

  /// See `Worker.runOnceJobs`. Does not wait.
  func runOnceJobs() {
    switch self {
    case .inProcess(let worker): worker.runOnceJobs()
    case .process(let process): process.tell(.runOnceJobs)
    }
  }

  /// See `Worker.endOnceJobs`. Waits, if need be until the process of the worker has ended.
  func endOnceJobs() {
    switch self {
    case .inProcess(let worker): worker.endOnceJobs()
    case .process(let process):
      while !process.isGone {
        // A stopped worker may be continued.
        if !process.isStoppedForLong, process.ask(.endOnceJobs, within: .max, as: Done.self) != nil { return }
        _ = process.ended.wait(timeout: 500_000_000)
      }
      _ = process.ended.wait()
    }
  }

  /// See `Worker.dump`.
  /// - Returns: nil if the worker does not answer.
  func dump() -> Done? {
    switch self {
    case .inProcess(let worker):
      worker.dump()
      return Done()
    case .process(let process): return process.ask(.dump, within: Self.soon, as: Done.self)
    }
  }
}

// Questions. From threads that may block.

extension WorkerHandle {
  /// See `Worker.save`.
  /// - Returns: nil if the worker does not answer; in it, nil if the plugin hands over nothing.
  func save(_ plugin: String, within limit: Duration) throws(PluginError) -> HandedOverState?? {
    switch self {
    case .inProcess(let worker): return .some(try worker.save(plugin, within: limit))
    case .process(let process):
      let timeout = limit.wholeNanoseconds + Self.promptly
      return try process.ask(
        .save(plugin, within: limit), within: timeout, as: CallResult<HandedOverState?, PluginError>.self)?.get()
    }
  }

  /// See `Worker.lookUp`.
  /// - Returns: nil if the worker does not answer.
  func lookUp(
    _ routes: [CallRoute], in library: String, within limit: Duration
  ) throws(PluginError) -> [LibraryCall]? {
    switch self {
    case .inProcess(let worker): return try worker.lookUp(routes, in: library, within: limit)
    case .process(let process):
      let timeout = limit.wholeNanoseconds + Self.promptly
      let order = WorkerOrder.lookUp(routes, in: library, within: limit)
      return try process.ask(order, within: timeout, as: CallResult<[LibraryCall], PluginError>.self)?.get()
    }
  }

  /// See `Worker.findLibrary`.
  /// - Returns: nil if the worker does not answer.
  func findLibrary(
    _ name: String, at path: String, besides copies: String, within limit: Duration
  ) throws(PluginError) -> FoundLibrary? {
    switch self {
    case .inProcess(let worker): return try worker.findLibrary(name, at: path, besides: copies, within: limit)
    case .process(let process):
      let order = WorkerOrder.findLibrary(name, at: path, besides: copies, within: limit)
      let timeout = limit.wholeNanoseconds + Self.promptly
      return try process.ask(order, within: timeout, as: CallResult<FoundLibrary, PluginError>.self)?.get()
    }
  }

  /// See `Worker.loadedLibrary`.
  /// - Returns: nil if the worker does not answer; in it, nil if it has no such library.
  func loadedLibrary(
    _ name: String, file: String?, besides copies: String, within limit: Duration
  ) throws(PluginError) -> LoadedLibrary?? {
    switch self {
    case .inProcess(let worker):
      return .some(try worker.loadedLibrary(name, file: file, besides: copies, within: limit))
    case .process(let process):
      let order = WorkerOrder.loadedLibrary(name, file: file, besides: copies, within: limit)
      let timeout = limit.wholeNanoseconds + Self.promptly
      return try process.ask(order, within: timeout, as: CallResult<LoadedLibrary?, PluginError>.self)?.get()
    }
  }

  /// See `Worker.isLoaderBusy`.
  var isLoaderBusy: Bool {
    switch self {
    case .inProcess(let worker): worker.isLoaderBusy
    case .process(let process): process.ask(.isLoaderBusy, within: Self.promptly, as: Bool.self) ?? false
    }
  }

  /// See `Worker.report`.
  /// - Returns: nil if the worker does not answer.
  func report(within timeout: Int64) -> WorkerReport? {
    switch self {
    case .inProcess(let worker): worker.report(within: timeout)
    case .process(let process):
      process.ask(.report(within: timeout), within: timeout * 2 + 1_000_000_000, as: WorkerReport.self)
    }
  }

  /// See `Worker.begunRequests`.
  /// - Returns: nil if the worker does not answer.
  func begunRequests(within timeout: Int64) -> [String: Int]? {
    switch self {
    case .inProcess(let worker): worker.begunRequests(within: timeout)
    case .process(let process):
      process.ask(.begunRequests(within: timeout), within: timeout * 2, as: [String: Int].self)
    }
  }

  /// See `Worker.scopeTree`.
  /// - Returns: nil if the worker does not answer.
  func scopeTree() -> ScopeTreeReport? {
    switch self {
    case .inProcess(let worker): worker.scopeTree()
    case .process(let process): process.ask(.scopeTree, within: Self.soon, as: ScopeTreeReport.self)
    }
  }

  /// See `Worker.blockedLoops`.
  func blockedLoops(within timeout: Int64 = LoopGroup.defaultTimeout) -> [String] {
    switch self {
    case .inProcess(let worker): worker.blockedLoops(within: timeout)
    case .process(let process):
      process.ask(.blockedLoops(within: timeout), within: timeout + 1_000_000_000, as: [String].self) ?? []
    }
  }

  /// See `Worker.turningLoops`.
  /// - Returns: nil if the worker does not answer.
  func turningLoops(within timeout: Int64) -> TurningLoops? {
    switch self {
    case .inProcess(let worker): worker.turningLoops(within: timeout)
    case .process(let process):
      process.ask(.turningLoops(within: timeout), within: timeout + 500_000_000, as: TurningLoops.self)
    }
  }

  /// Asks a worker that has unmapped private copies since it was asked last which ones are left. From threads that may
  /// block.
  /// - Returns: whether it has unmapped some.
  func forgetUnmappedCopies() -> Bool {
    guard case .process(let process) = self, process.hasUnmappedCopies else { return false }
    return process.forgetUnmappedCopies { process.ask(.mappedCopies, within: 1_000_000_000, as: Set<String>.self) }
  }

  /// See `Worker.liveRequests`.
  func liveRequests(within timeout: Int64) -> Int? {
    switch self {
    case .inProcess(let worker): worker.liveRequests(within: timeout)
    case .process(let process):
      process.ask(.liveRequests(within: timeout), within: timeout * 2, as: Int?.self) ?? nil
    }
  }
}
