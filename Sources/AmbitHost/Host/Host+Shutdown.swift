internal import AmbitConfig
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

extension Host {
  /// How long a question about requests in flight may take, in nanoseconds. A blocked loop does not answer.
  private static var loopTimeout: Int64 { 100_000_000 }

  /// Ends the host: no new connections, then requests in flight finish, then all that still runs is cancelled, then
  /// each plugin is stopped. All steps share one deadline, and what has not ended by then is named and left behind.
  func shutDown() -> Never {
    let deadline = ShutdownDeadline(of: self)
    tellServiceOfStop(by: deadline)
    let requests = Worker.text(workers.liveRequests(within: Self.loopTimeout))
    logger.info("stopping", metadata: ["requests": "\(requests)"])
    state.enter(.draining)
    reloads.close()
    upgrades.close(isForGood: true)
    rollBacks.close()
    let running = endWorkers(by: deadline)
    wait(until: deadline.lastMoment) { workers.predecessors.isEmpty }
    closeAdmin(by: deadline.adminEnd)
    DescriptorReserve.shared.lend {
      repository.copies.remove()
      repository.copies.removeAbandoned()
    }
    if running.isEmpty {
      logger.info("stopped")
    } else {
      let labels = running.joined(separator: " ")
      logger.warning("stopped, and left behind what still runs", metadata: ["running": "\(labels)"])
    }
    endAllProcesses(by: deadline.lastMoment)
    HostProcess.exit(0, by: deadline.lastMoment)
  }

  /// Ends the workers, and handles signals meanwhile.
  /// - Returns: what still runs: labels of generations.
  private func endWorkers(by deadline: ShutdownDeadline) -> [String] {
    let ended = Latch<[String]>()
    onOwnThread { [workers, state, listeners] in
      let running = workers.leave(by: deadline) { isComplete in
        listeners.close(isInUse: !isComplete)
      } isStopping: {
        state.enter(.stopping)
      }
      ended.arrive(running)
    }
    wait(until: deadline.lastMoment) { ended.isOpen }
    return ended.arrived.first ?? workers.runningLabels
  }

  /// Ends the admin API. Clients that wait for an answer get one more second, if the deadline allows it.
  private func closeAdmin(by end: Int64) {
    guard let admin else { return }
    admin.drain(within: Self.loopTimeout)
    wait(until: min(Clock.monotonic + 1_000_000_000, end)) { admin.isIdle }
  }

  /// Ends what workers have left behind. Nothing of a host outlives it.
  private func endAllProcesses(by end: Int64) {
    guard let children else { return }
    workers.noteKill()
    if !children.killAll(within: max(end - Clock.monotonic, 20_000_000)) {
      logger.warning("processes of workers are left: the kernel does not end them now")
    }
  }

  /// Makes a second signal to stop end the process at once, and the deadline of the first one end the process, whatever
  /// the control thread does.
  func stopInTime() {
    signals.onSecondTermination { [logger, end = endAtOnce] in
      logger.warning("second signal: stopping at once")
      end()
    }
    let limit = ShutdownDeadline.limit(drain: configuration.drainTimeout, cancelGrace: cancelGrace)
    signals.onStopLimit(limit) { [logger, state, workers, end = endAtOnce] in
      let running = workers.runningLabels.joined(separator: " ")
      logger.warning(
        "the host has not stopped within drain_timeout and cancel_grace: stopping at once",
        metadata: ["state": "\(state.current.phase.rawValue)", "running": "\(running)"])
      end()
    }
  }

  /// Ends the process from any thread, without waiting for anything that plugins do.
  private var endAtOnce: @Sendable () -> Void {
    { [workers, listeners, admin, children, copies = repository.copies] in
      listeners.close(isInUse: !workers.stopAcceptingAtOnce(within: 20_000_000))
      admin?.drain(within: 20_000_000)
      workers.noteKill()
      _ = children?.killAll(within: 100_000_000)
      copies.remove()
      HostProcess.exit(0, by: Clock.monotonic + 200_000_000)
    }
  }

  /// Ends the workers of a host that does not start. Plugins that have started are stopped.
  func endWorkersOfFailedStart() {
    guard let children else { return }
    let deadline = ShutdownDeadline(since: Clock.monotonic, drain: .zero, cancelGrace: cancelGrace)
    _ = workers.leave(by: deadline) { _ in
    } isStopping: {
    }
    if !workers.predecessors.isEmpty {
      workers.predecessors.release(
        drain: configuration.drainTimeout, cancelGrace: initial.cancelGrace, newWorkersServe: false)
      let end = ShutdownDeadline(
        since: Clock.monotonic, drain: configuration.drainTimeout, cancelGrace: initial.cancelGrace
      ).lastMoment
      wait(until: end) { workers.predecessors.isEmpty }
    }
    workers.noteKill()
    _ = children.killAll(within: 500_000_000)
  }

  /// Waits until `condition` holds, and looks a hundred times a second.
  /// - Returns: false if it did not hold by `end`, in monotonic nanoseconds.
  @discardableResult
  func wait(until end: Int64, for condition: () -> Bool) -> Bool {
    while !condition() {
      let left = end - Clock.monotonic
      guard left > 0 else { return false }
      switch signals.next(timeout: min(left, 10_000_000)) {
      case .dump: workers.dump()
      case .reopenLog: keepLog()
      case .reload, .order, .terminate, nil: break
      }
    }
    return true
  }
}
