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
    logger.info("stopping", metadata: ["requests": "\(loops.liveRequests)"])
    server.drain()
    let drained = wait(atMost: configuration.drainTimeout) { [loops] in loops.liveRequests == 0 }
    guard drained != .interrupted else { return stopNow() }
    if drained == .timedOut {
      logger.warning("drain time is over, cancelling what is left", metadata: ["requests": "\(loops.liveRequests)"])
    }
    let gate = Gate<String>(expected: serving.count)
    for generation in serving.values { generation.end(.shutdown) { gate.arrive(generation.label) } }
    let ended = wait(atMost: configuration.cancelGrace) { gate.isOpen }
    guard ended != .interrupted else { return stopNow() }
    if ended == .timedOut {
      logger.warning("plugins have not stopped in time", metadata: ["running": "\(stuck(gate))"])
    }
    loading.copies.remove()
    logger.info("stopped")
    return 0
  }

  private func stopNow() -> Int32 {
    logger.warning("second signal: stopping at once", metadata: ["requests": "\(loops.liveRequests)"])
    loading.copies.remove()
    return 0
  }

  private func stuck(_ gate: Gate<String>) -> String {
    serving.values.map(\.label).filter { !gate.arrived.contains($0) }.sorted().joined(separator: " ")
  }

  private enum WaitResult {
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
      case .reload, nil: break
      }
    }
    return .done
  }
}
