internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

extension Host {
  /// Ends the host: no new connections, then requests in flight finish, then all that still runs is cancelled, then each
  /// plugin is stopped. A second signal ends it at once. Returns the exit status.
  func shutDown() -> Int32 {
    logger.info("stopping", metadata: ["requests": requestsLeft])
    board.enter(.draining)
    reloads.close()
    server.drain()
    let drained = wait(atMost: configuration.drainTimeout) { [loops] in
      loops.liveRequests(within: Self.glance) == 0
    }
    guard drained != .interrupted else { return stopNow() }
    if drained == .timedOut {
      logger.warning("drain time is over, cancelling what is left", metadata: ["requests": requestsLeft])
    }
    board.enter(.stopping)
    guard stop(Array(serving.values)) != .interrupted, closeAdmin() != .interrupted else { return stopNow() }
    loading.copies.remove()
    logger.info("stopped")
    return 0
  }

  /// How long a look at the loops may take, in nanoseconds: one that does not turn has something left to do.
  private static var glance: Int64 { 100_000_000 }

  private var requestsLeft: Logger.MetadataValue {
    loops.liveRequests(within: Self.glance).map { "\($0)" } ?? "unknown, as a loop does not turn"
  }

  /// Ends the admin API; who still waits for an answer gets a second.
  private func closeAdmin() -> WaitResult {
    guard let admin else { return .done }
    admin.drain()
    return wait(atMost: .seconds(1)) { admin.isIdle }
  }

  private func stopNow() -> Int32 {
    logger.warning("second signal: stopping at once", metadata: ["requests": requestsLeft])
    admin?.drain()
    loading.copies.remove()
    return 0
  }

  /// Cancels what still runs of the generations, stops their plugins, and waits for that, at most `cancel_grace`.
  @discardableResult
  func stop(_ generations: [PluginGeneration]) -> WaitResult {
    let gate = Gate<String>(expected: generations.count)
    for generation in generations { generation.end(.shutdown) { gate.arrive(generation.label) } }
    let ended = wait(atMost: configuration.cancelGrace) { gate.isOpen }
    if ended == .timedOut {
      let running = Set(generations.map(\.label)).subtracting(gate.arrived).sorted().joined(separator: " ")
      logger.warning("plugins have not stopped in time", metadata: ["running": "\(running)"])
    }
    return ended
  }

  enum WaitResult {
    case done
    case timedOut
    case interrupted
  }

  /// Waits until `condition` holds, looking a hundred times a second, or until a signal to stop comes.
  private func wait(atMost limit: Duration, until condition: () -> Bool) -> WaitResult {
    let end = ContinuousClock.now + limit
    while !condition() {
      guard ContinuousClock.now < end else { return .timedOut }
      switch signals.next(timeout: 10_000_000) {
      case .terminate: return .interrupted
      case .dump: loops.logScopeTree()
      case .reopenLog: keepLog()
      case .reload, nil: break
      }
    }
    return .done
  }
}
