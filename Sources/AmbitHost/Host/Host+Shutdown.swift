internal import AmbitConfig
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

extension Host {
  /// How long a step waits for the answer of each event loop, in nanoseconds. A blocked loop does not answer.
  private static var loopTimeout: Int64 { 100_000_000 }

  /// Ends the host: no new connections, then requests in flight finish, then all that still runs is cancelled, then
  /// each plugin is stopped. All steps share one deadline, and what has not ended by then is named and left behind.
  func shutDown() -> Never {
    let deadline = ShutdownDeadline(of: self)
    tellServiceOfStop(by: deadline)
    logger.info("stopping", metadata: ["requests": liveRequests(by: deadline.lastMoment)])
    state.enter(.draining)
    reloads.close()
    sockets.close(isInUse: !worker.drain(within: Self.loopTimeout))
    let isDrained = wait(until: deadline.drainEnd) { [worker] in
      worker.liveRequests(within: Self.timeLeft(until: deadline.drainEnd)) == 0
    }
    if !isDrained {
      logger.warning(
        "drain timeout reached, cancelling the remaining requests",
        metadata: ["requests": liveRequests(by: deadline.lastMoment)])
    }
    state.enter(.stopping)
    worker.end()
    let running = waitForEnd(of: deadline)
    closeAdmin(by: deadline.adminEnd)
    DescriptorReserve.shared.lend { repository.copies.remove() }
    if running.isEmpty {
      logger.info("stopped")
    } else {
      let labels = running.joined(separator: " ")
      logger.warning("stopped, and left behind what still runs", metadata: ["running": "\(labels)"])
    }
    HostProcess.exit(0, by: deadline.lastMoment)
  }

  private func liveRequests(by end: Int64) -> Logger.MetadataValue {
    worker.liveRequests(within: Self.timeLeft(until: end)).map { "\($0)" } ?? "unknown, an event loop is blocked"
  }

  /// How long to wait for the event loops in a step that ends at `end`.
  private static func timeLeft(until end: Int64) -> Int64 { min(max(end - Clock.monotonic, 0), loopTimeout) }

  /// Ends the admin API. Clients that wait for an answer get one more second, if the deadline allows it.
  private func closeAdmin(by end: Int64) {
    guard let admin else { return }
    admin.drain(within: Self.loopTimeout)
    wait(until: min(Clock.monotonic + 1_000_000_000, end)) { admin.isIdle }
  }

  /// Makes a second signal to stop end the process at once, and the deadline of the first one end the process, whatever
  /// the control thread does.
  func stopInTime() {
    signals.onSecondTermination { [logger, end = endAtOnce] in
      logger.warning("second signal: stopping at once")
      end()
    }
    let limit = ShutdownDeadline.limit(drain: configuration.drainTimeout, cancelGrace: initial.cancelGrace)
    signals.onStopLimit(limit) { [logger, state, worker, end = endAtOnce] in
      let running = worker.runningLabels.joined(separator: " ")
      logger.warning(
        "the host has not stopped within drain_timeout and cancel_grace: stopping at once",
        metadata: ["state": "\(state.current.phase.rawValue)", "running": "\(running)"])
      end()
    }
  }

  /// Ends the process from any thread, without waiting for anything that plugins do.
  private var endAtOnce: @Sendable () -> Void {
    { [worker, sockets, admin, copies = repository.copies] in
      sockets.close(isInUse: !worker.drain(within: 20_000_000))
      admin?.drain(within: 20_000_000)
      copies.remove()
      HostProcess.exit(0, by: Clock.monotonic + 200_000_000)
    }
  }

  /// Waits for plugins that the worker ends, for at most `cancel_grace`, and logs which ones did not end.
  /// - Returns: the generations that still run.
  @discardableResult
  func waitForEnd(of deadline: ShutdownDeadline) -> [String] {
    let end = deadline.graceEnd(from: Clock.monotonic)
    guard !wait(until: end, for: { [worker] in worker.hasEnded }) else { return [] }
    return worker.logRunning(within: Self.loopTimeout / 2)
  }

  /// Waits until `condition` holds, and looks a hundred times a second.
  /// - Returns: false if it did not hold by `end`, in monotonic nanoseconds.
  @discardableResult
  private func wait(until end: Int64, for condition: () -> Bool) -> Bool {
    while !condition() {
      let left = end - Clock.monotonic
      guard left > 0 else { return false }
      switch signals.next(timeout: min(left, 10_000_000)) {
      case .dump: worker.dump()
      case .reopenLog: keepLog()
      case .reload, .terminate, nil: break
      }
    }
    return true
  }
}
