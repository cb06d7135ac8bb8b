internal import AmbitConfig
internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

extension Host {
  /// Ends the host: no new connections, then requests in flight finish, then all that still runs is cancelled, then each
  /// plugin is stopped. Returns the exit status.
  func shutDown() -> Int32 {
    logger.info("stopping", metadata: ["requests": requestsLeft])
    state.enter(.draining)
    reloads.close()
    sockets.close(isInUse: !server.drain())
    let isDrained = wait(atMost: configuration.drainTimeout) { [loops] in
      loops.liveRequests(within: Self.glance) == 0
    }
    if !isDrained {
      logger.warning("drain time is over, cancelling what is left", metadata: ["requests": requestsLeft])
    }
    state.enter(.stopping)
    stop(Array(serving.values))
    closeAdmin()
    DescriptorReserve.shared.lend { repository.copies.remove() }
    logger.info("stopped")
    return 0
  }

  /// How long a look at the loops may take, in nanoseconds: one that does not turn has something left to do.
  private static var glance: Int64 { 100_000_000 }

  private var requestsLeft: Logger.MetadataValue {
    loops.liveRequests(within: Self.glance).map { "\($0)" } ?? "unknown, as a loop does not turn"
  }

  /// Ends the admin API; who still waits for an answer gets a second.
  private func closeAdmin() {
    guard let admin else { return }
    admin.drain()
    wait(atMost: .seconds(1)) { admin.isIdle }
  }

  /// Has a second signal to stop end the process without further ado, wherever the control thread is.
  func stopAtSecondSignal() {
    signals.onSecondTermination { [logger, server, sockets, admin, copies = repository.copies] in
      logger.warning("second signal: stopping at once")
      sockets.close(isInUse: !server.drain())
      admin?.drain()
      copies.remove()
      HostProcess.exit(0)
    }
  }

  /// Cancels what still runs of the generations, stops their plugins, and waits for that, and for the `start` of others
  /// that was cancelled, at most `cancel_grace`.
  func stop(_ generations: [PluginGeneration]) {
    let latch = Latch<String>(expected: generations.count)
    for generation in generations { generation.end(.shutdown) { latch.arrive(generation.label) } }
    let isOver = wait(atMost: configuration.cancelGrace) { [stuckStarts] in
      latch.isOpen && !stuckStarts.contains { $0.isInLifecycleCall }
    }
    guard !isOver else { return }
    let stopped = Set(latch.arrived)
    reportRunning(generations.filter { !stopped.contains($0.label) } + stuckStarts.filter(\.isInLifecycleCall))
  }

  /// Names those of the generations that keep themselves from ending. All wait for a loop that does not turn, but only
  /// what holds it up is to blame.
  private func reportRunning(_ generations: [PluginGeneration]) {
    let silence = loops.blockedLoops(within: Self.glance)
    for loop in silence {
      logger.warning("\(loop): no plugin has ended there, nor was stopped", metadata: loop.fields)
    }
    let loads = PluginGeneration.loads(of: generations, on: loops, within: Self.glance)
    let running = zip(generations, loads).filter { silence.isEmpty || !$1.holders.isEmpty }.map(\.0.label)
    guard !running.isEmpty else { return }
    let names = running.sorted().joined(separator: " ")
    logger.warning("plugins have not stopped in time", metadata: ["running": "\(names)"])
  }

  /// Waits until `condition` holds, looking a hundred times a second; false if it does not within `limit`.
  @discardableResult
  private func wait(atMost limit: Duration, until condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + limit
    while !condition() {
      guard ContinuousClock.now < end else { return false }
      switch signals.next(timeout: 10_000_000) {
      case .dump: loops.logScopeTree()
      case .reopenLog: keepLog()
      case .reload, .terminate, nil: break
      }
    }
    return true
  }
}
