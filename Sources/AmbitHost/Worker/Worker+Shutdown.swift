internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The end of a worker: no new connections, then requests in flight finish, then all that still runs is cancelled and
// plugins are stopped. The host decides how long each step may take.

extension Worker {
  /// Accepts no more connections, closes idle ones, and others after their response. Plugins are told by
  /// `ambit_draining`. Jobs with `AMBIT_JOB_ONCE` are cancelled: other workers may come to run them, also those of a
  /// supervisor that takes the place of one that was killed. Calling it again has no effect. From any thread.
  /// - Parameters:
  ///   - timeout: how long to wait for each loop, in nanoseconds.
  ///   - idleTime: how long an idle connection stays open, because the next request may be under way to it.
  /// - Returns: whether every loop has done its part. If not, the sockets are still in use.
  func drain(within timeout: Int64, idleTime: Duration = .zero) -> Bool {
    loops.beginDraining()
    loops.setRunsOnceJobs(false)
    return server.drain(within: timeout, idleTime: idleTime.wholeNanoseconds)
  }

  /// How many requests are in flight; nil if a loop does not answer within `timeout` nanoseconds.
  func liveRequests(within timeout: Int64) -> Int? { loops.liveRequests(within: timeout) }

  /// Cancels what still runs of all generations, also of those that are being retired, and stops their plugins. Does
  /// not wait: see `hasEnded`.
  func end() {
    let (ending, retiring) = generations.withLock { generations in
      (
        Array(generations.serving.values) + Array(generations.prepared.values),
        generations.shown.filter { $0.phase.phase == .retiring }
      )
    }
    end(ending, retiring: retiring)
  }

  /// Cancels and stops the generations that were prepared and will not be committed, because the host stops or does not
  /// start. Those whose `start` has not returned are waited for as well. Does not wait: see `hasEnded`.
  func endPrepared() {
    let (ending, stuck) = generations.withLock { generations in
      defer { generations.prepared = [:] }
      return (Array(generations.prepared.values), generations.stuckStarts.filter(\.isInLifecycleCall))
    }
    end(ending, retiring: stuck)
  }

  private func end(_ ending: [PluginGeneration], retiring: [PluginGeneration]) {
    generations.withLock { generations in
      let known = generations.ending
      generations.ending += (ending + retiring).filter { one in !known.contains { $0 === one } }
    }
    for generation in ending { generation.end(.shutdown) {} }
    for generation in retiring { generation.cancelRetiring() }
  }

  /// Whether all generations that were ended have stopped.
  var hasEnded: Bool { generations.withLock { $0.ending }.allSatisfy(\.hasStopped) }

  /// The labels of the generations in memory that have not stopped. From any thread; does not wait.
  var runningLabels: [String] {
    let shown = generations.withLock { $0.shown }
    return shown.filter { !$0.hasStopped }.map(\.label).sorted()
  }

  /// Logs which generations have not stopped, and what keeps each. If a loop is blocked, all generations wait for it,
  /// and only those are named that block it or run themselves.
  /// - Parameter timeout: how long to wait for each loop, twice, in nanoseconds.
  /// - Returns: the labels of these generations.
  func logRunning(within timeout: Int64) -> [String] {
    let running = generations.withLock { $0.ending }.filter { !$0.hasStopped }
    let blocked = loops.blockedLoops(within: timeout)
    for loop in blocked {
      logger.warning("\(loop): its plugins could not be stopped", metadata: loop.fields)
    }
    var labels = Set(blocked.compactMap(\.plugin))
    let loads = PluginGeneration.loads(of: running, on: loops, within: timeout)
    for (generation, load) in zip(running, loads) where blocked.isEmpty || generation.isBusy(load) {
      log(generation, load)
      labels.insert(generation.label)
    }
    return labels.sorted()
  }

  private func log(_ generation: PluginGeneration, _ load: GenerationLoad) {
    let name = "\(generation.plugin.kind) \(generation.label)"
    var fields: Logger.Metadata = ["plugin": "\(generation.label)"]
    if let call = generation.runningCall {
      fields["call"] = "\(call.name)"
      fields["ms"] = "\(call.age / 1_000_000)"
      return logger.warning(
        """
        \(call.name) of \(name) has not returned for \(call.age / 1_000_000) ms; the \(HostProcess.name) ends without it
        """, metadata: fields)
    }
    (fields["requests"], fields["jobs"]) = ("\(load.requests)", "\(load.jobs)")
    if !load.holders.isEmpty { fields["running"] = "\(load.holders.joined(separator: ", "))" }
    logger.warning(
      """
      \(name) has not stopped within cancel_grace, so its stop was not called; the \(HostProcess.name) ends without it
      """,
      metadata: fields)
  }
}

extension PluginGeneration {
  /// Something of it runs.
  fileprivate func isBusy(_ load: GenerationLoad) -> Bool { runningCall != nil || !load.holders.isEmpty }
}
