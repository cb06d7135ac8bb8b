internal import AmbitConfig
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

extension Host {
  /// Ends the host: no new connections, then requests in flight finish, then all that still runs is cancelled, then
  /// each plugin is stopped.
  /// - Returns: the exit status.
  func shutDown() -> Int32 {
    logger.info("stopping", metadata: ["requests": liveRequests])
    state.enter(.draining)
    reloads.close()
    sockets.close(isInUse: !worker.drain())
    let isDrained = wait(atMost: configuration.drainTimeout) { [worker] in worker.liveRequests() == 0 }
    if !isDrained {
      logger.warning(
        "drain timeout reached, cancelling the remaining requests", metadata: ["requests": liveRequests])
    }
    state.enter(.stopping)
    worker.end()
    waitForEnd()
    closeAdmin()
    DescriptorReserve.shared.lend { repository.copies.remove() }
    logger.info("stopped")
    return 0
  }

  private var liveRequests: Logger.MetadataValue {
    worker.liveRequests().map { "\($0)" } ?? "unknown, an event loop is blocked"
  }

  /// Ends the admin API. Clients that wait for an answer get one more second.
  private func closeAdmin() {
    guard let admin else { return }
    admin.drain()
    wait(atMost: .seconds(1)) { admin.isIdle }
  }

  /// Makes a second signal to stop end the process at once, whatever the control thread does.
  func stopAtSecondSignal() {
    signals.onSecondTermination { [logger, worker, sockets, admin, copies = repository.copies] in
      logger.warning("second signal: stopping at once")
      sockets.close(isInUse: !worker.drain())
      admin?.drain()
      copies.remove()
      HostProcess.exit(0)
    }
  }

  /// Waits for plugins that the worker ends, for at most `cancel_grace`, and logs which ones did not end.
  func waitForEnd() {
    if !wait(atMost: configuration.cancelGrace, until: { [worker] in worker.hasEnded }) { worker.logRunning() }
  }

  /// Waits until `condition` holds, and looks a hundred times a second.
  /// - Returns: false if it did not hold within `limit`.
  @discardableResult
  private func wait(atMost limit: Duration, until condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + limit
    while !condition() {
      guard ContinuousClock.now < end else { return false }
      switch signals.next(timeout: 10_000_000) {
      case .dump: worker.dump()
      case .reopenLog: keepLog()
      case .reload, .terminate, nil: break
      }
    }
    return true
  }
}
