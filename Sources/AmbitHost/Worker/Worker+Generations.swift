internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

extension Worker {
  /// Loads and starts generations of a plan, one after the other, beside those that serve. A failure of one does not
  /// stop the others. Generations that were prepared before stay prepared.
  /// Blocks, for at most `limit` for each call of a plugin.
  func prepare(_ planned: [PlannedGeneration], within limit: Duration) -> Preparation {
    var result = Preparation()
    givesUpStarts.store(false, ordering: .relaxed)
    for planned in planned where !isStopping() {
      switch start(planned, within: limit) {
      case .success(let generation, let state):
        generations.withLock { $0.prepared[planned.name] = generation }
        result.prepared[planned.name] = generation.libraryCalls
        guard let state else { continue }
        if state.size <= Preparation.largestKeptState {
          result.states[planned.name] = state
        } else {
          result.largeStates[planned.name] = state.size
        }
      case .failure(let failure): result.failures[planned.name] = failure
      }
    }
    return result
  }

  /// Has the order to prepare generations, if it is under way, not wait for a `start` that runs: that generation fails,
  /// and ends when its `start` returns. The order's answer comes within some 50 ms then. From any thread; does not wait.
  func giveUpStarts() { givesUpStarts.store(true, ordering: .relaxed) }

  private enum Outcome {
    /// With the state that the older generation has handed over.
    case success(PluginGeneration, HandedOverState?)
    case failure(PreparationFailure)
  }

  private func start(_ planned: PlannedGeneration, within limit: Duration) -> Outcome {
    do throws(PluginError) { try refuseWhileStuck(planned) } catch {
      return .failure(PreparationFailure(error: error, stage: .notLoaded))
    }
    copies.hold(folderOf: planned.copy)
    mapped.withLock { _ = $0.paths.insert(planned.copy.path) }
    let plugin: LoadedPlugin
    do throws(PluginError) { plugin = try load(planned, within: limit) } catch {
      let isRefused = error.problems.allSatisfy { $0.code == .notLoadable }
      if isRefused { mapped.withLock { _ = $0.paths.remove(planned.copy.path) } }
      return .failure(PreparationFailure(error: error, stage: isRefused ? .refusedByLoader : .loaded))
    }
    if planned.ownCopy != nil { logStaticTLS(of: plugin) }
    do throws(PluginError) {
      return try start(plugin, planned, within: limit)
    } catch {
      return .failure(PreparationFailure(error: error, stage: .loaded))
    }
  }

  private func logStaticTLS(of plugin: LoadedPlugin) {
    guard let use = plugin.staticTLS else { return }
    let file = plugin.copy.file.path
    logger.log(level: use.isLastWarning ? .warning : .notice, "\(plugin.kind) \(plugin.shortName) (\(file)) \(use)")
  }

  /// If `start` hangs, its thread and its library are leaked, and trying the same again would leak both once more. If a
  /// constructor hangs, nothing else can be loaded.
  private func refuseWhileStuck(_ planned: PlannedGeneration) throws(PluginError) {
    try loader.refuseWhileBusy(PluginFile(path: planned.file), of: planned.name)
    let stuck = generations.withLock { generations in
      generations.stuckStarts.removeAll { !$0.isInLifecycleCall }
      return generations.stuckStarts
    }
    guard planned.isPlugin else { return }
    let same = stuck.first { $0.plugin.copy.hash == planned.copy.hash && $0.settings == planned.settings }
    try same?.throwDuringLifecycleCall()
  }

  private func load(_ planned: PlannedGeneration, within limit: Duration) throws(PluginError) -> LoadedPlugin {
    switch planned.source {
    case .library(let copy): return try load(library: copy, planned, within: limit)
    case .loadedLibrary(let copy):
      // A worker that was started later has not loaded it.
      if let serving = generations.withLock({ $0.serving[planned.name] }) { return serving.plugin }
      return try load(library: copy, planned, within: limit)
    case .plugin(let copy, let manifest):
      return try loader.load(copy.file, of: planned.name, within: limit) { () throws(PluginError) in
        try LoadedPlugin(copy, expecting: manifest)
      }
    }
  }

  private func load(
    library copy: PluginCopy, _ planned: PlannedGeneration, within limit: Duration
  ) throws(PluginError) -> LoadedPlugin {
    try loader.load(copy.file, of: planned.name, within: limit) { () throws(PluginError) in
      try LoadedPlugin(library: copy)
    }
  }

  private func start(
    _ plugin: LoadedPlugin, _ planned: PlannedGeneration, within limit: Duration
  ) throws(PluginError) -> Outcome {
    let generation = try PluginGeneration(
      plugin, number: planned.number, settings: planned.settings, limits: planned.limits, loops: loops,
      unless: isStopping)
    do throws(PluginError) {
      // The state that was saved for the dry run is outdated.
      let older = planned.rollBack == nil ? generations.withLock { $0.serving[planned.name] } : nil
      let state = try older?.save(timeout: limit, unless: isStopping)
      let handedOver = older == nil ? planned.handedOver : state
      try generation.start(from: handedOver, timeout: limit) {
        isStopping() || givesUpStarts.load(ordering: .relaxed)
      }
      return .success(generation, state)
    } catch {
      if generation.isInLifecycleCall { generations.withLock { $0.stuckStarts.append(generation) } }
      retire(generation, drain: .zero)
      throw error
    }
  }

  /// Asks the serving generation of a plugin for the state that it hands over, while it serves on; nil if there is no
  /// such plugin or it hands over nothing. Blocks.
  func save(_ plugin: String, within limit: Duration) throws(PluginError) -> HandedOverState? {
    try generations.withLock { $0.serving[plugin] }?.save(timeout: limit, unless: isStopping)
  }

  /// Looks up the functions of new routes in a library that is loaded. Blocks.
  /// - Throws: every function that is not there or may not run where its route wants it; or that the library does not
  ///   serve in this worker.
  func lookUp(
    _ routes: [CallRoute], in library: String, within limit: Duration
  ) throws(PluginError) -> [LibraryCall] {
    guard let plugin = generations.withLock({ $0.serving[library]?.plugin }) else {
      let reason = "this worker does not serve it yet; reload again"
      throw PluginError(problems: [
        PluginProblem(code: .notLoadable, plugin: library, file: library, reason: reason)
      ])
    }
    return try loader.load(plugin.copy.file, of: library, within: limit) { () throws(PluginError) in
      try plugin.check(routes)
      return LibraryCall.all(routes, of: plugin)
    }
  }

  /// Serves what was prepared, in place of what it replaces and of what the order removes. Requests that run already
  /// keep the generation that they started with; call `retire` to end those.
  /// - Throws: if two routes conflict. Then all that was prepared is aborted, and nothing has changed.
  func commit(_ order: CommitOrder) throws(HostError) -> CommitReport {
    let (serving, prepared) = generations.withLock { ($0.serving, $0.prepared) }
    let next = serving.filter { !order.removed.contains($0.key) }.merging(prepared) { $1 }
    let routes = try makeRoutes(next, order)
    for (name, file) in order.kept {
      next[name]?.fileWasRenamed(to: file)
      next[name]?.fileIsGood()
    }
    for generation in prepared.values {
      if let refusal = order.fallbacks[generation.file.path] { generation.standsIn(for: refusal) }
    }
    PluginGeneration.assignThreads(to: next.values)
    let isComplete = server.replaceRoutes(by: routes, within: LoopGroup.defaultTimeout, unless: isStopping)
    generations.withLock { generations in
      generations.serving = next
      generations.prepared = [:]
      generations.replaced += serving.filter { next[$0.key] !== $0.value }.map(\.value)
      let first = next.values.sorted { $0.label < $1.label }
      generations.shown = first + generations.shown.filter { old in old.isLoaded && !first.contains { $0 === old } }
    }
    return CommitReport(isComplete: isComplete, usedInPlace: next.compactMapValues(\.plugin.inPlaceState))
  }

  /// The routes of all plugins.
  private func makeRoutes(
    _ next: [String: PluginGeneration], _ order: CommitOrder
  ) throws(HostError) -> RouteSet {
    let served = next.sorted { $0.key < $1.key }.flatMap(\.value.routeDeclarations)
    let routes = served + unavailable.declarations(of: order.unavailable)
    do throws(RouteConflict) {
      return try RouteSet(routes, changes: order.routeChanges, options: order.routingOptions)
    } catch {
      abort(generations.withLock { Array($0.prepared.keys) })
      throw HostError([
        "routes \(routes[error.first].pattern) and \(routes[error.second].pattern) answer the same requests"
      ])
    }
  }

  /// Retires generations that were prepared and are not to be committed.
  func abort(_ names: [String]) {
    for name in names {
      guard let generation = generations.withLock({ $0.prepared.removeValue(forKey: name) }) else { continue }
      retire(generation, drain: .zero)
    }
  }

  /// Ends the generations that the last commit replaced or removed, each after its last request, or after `drain`.
  func retire(drain: Duration) {
    let replaced = generations.withLock { generations in
      defer { generations.replaced = [] }
      return generations.replaced
    }
    for generation in replaced { retire(generation, drain: drain) }
  }

  /// Ends a generation that does not serve. The log says when that is done, and whether its library stays in memory.
  private func retire(_ generation: PluginGeneration, drain: Duration) {
    generations.withLock { generations in
      if !generations.shown.contains(where: { $0 === generation }) { generations.shown.append(generation) }
    }
    generation.end(.retired(drain: drain)) { [self] in
      var fields: Logger.Metadata = ["plugin": "\(generation.label)", "library": "unloaded"]
      if case .resident(let reason) = generation.phase.phase {
        fields["library"] = "resident"
        fields["reason"] = "\(reason)"
      } else {
        noteUnloaded(generation.plugin.copy)
      }
      logger.info("\(generation.plugin.kind) generation retired", metadata: fields)
    }
  }
}

/// The private copies that a worker has mapped.
struct MappedCopies {
  var paths: Set<String> = []
  /// How many were unmapped.
  var unmappedCount = 0
}

extension Worker {
  /// The supervisor removes the copy when no worker has mapped it.
  private func noteUnloaded(_ copy: PluginCopy) {
    mapped.withLock { mapped in
      mapped.paths.remove(copy.path)
      mapped.unmappedCount += 1
    }
    if isOnlyWorker, copy.isPrivate { Paths.remove(copy.path) }
  }
}

extension PluginGeneration {
  /// Its library is in memory.
  fileprivate var isLoaded: Bool { phase.phase != .unloaded }

  /// The routes as the server takes them.
  fileprivate var routeDeclarations: [RouteDeclaration] {
    routes.map { route in
      RouteDeclaration(
        pattern: route.pattern, entryPoint: route.entryPoint, finishesOnDisconnect: route.finishesOnDisconnect,
        contentType: route.contentType)
    }
  }
}
