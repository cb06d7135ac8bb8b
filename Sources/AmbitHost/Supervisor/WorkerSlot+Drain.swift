internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

// A worker finishes its requests while another one serves in its place, or while the host stops. Its loops are watched
// meanwhile: one that hangs would keep its clients waiting until the worker ends.

extension WorkerSlot {
  /// How often the thread that sees a worker off looks.
  private static var lookInterval: Duration { .milliseconds(50) }

  /// Has a worker finish its requests when another one serves in its place, and ends it if it does not end in time. If
  /// this place is given up, or if the host stops, `endAll` does both. Does not wait.
  /// - Parameter heartbeat: what is known of its loops.
  func seeOff(_ worker: WorkerProcess, _ heartbeat: Heartbeat) {
    let end = leaveIfReplaced(worker)
    onOwnThread { [self] in
      var (heartbeat, end) = (heartbeat, end)
      while !worker.isGone, deadline != nil || Clock.monotonic < end ?? .max {
        end = end ?? leaveIfReplaced(worker)
        // Only its loops that hang are left, or it ends by itself.
        if worker.leftBehind != nil, worker.isHung { break }
        if !isWell(worker, &heartbeat) { break }
        pauseThread(Self.lookInterval)
      }
      self.end(drained: worker)
    }
  }

  /// Orders a worker to finish its requests, if another one serves in its place.
  /// - Returns: when it has to have ended, in monotonic nanoseconds; nil if no other one serves.
  private func leaveIfReplaced(_ worker: WorkerProcess) -> Int64? {
    guard deadline == nil, status.phase == .serving else { return nil }
    let settings = settings.withLock { $0 }
    let end = ShutdownDeadline(
      since: Clock.monotonic, drain: settings.drainTimeout, cancelGrace: settings.cancelGrace
    ).lastMoment
    worker.leave(Leaving(drain: settings.drainTimeout, cancelGrace: settings.cancelGrace, reason: .replaced), by: end)
    return end
  }

  /// Asks a worker that finishes its requests whether its loops turn, if that is due.
  /// - Returns: whether there is anything left to wait for.
  private func isWell(_ worker: WorkerProcess, _ heartbeat: inout Heartbeat) -> Bool {
    // Its loops may end before the process does.
    guard worker.leftBehind == nil, Clock.monotonic >= heartbeat.next else { return true }
    heartbeat.limit(by: settings.withLock { $0.hangLimit })
    guard let hang = heartbeat.ask(worker), worker.leftBehind == nil else { return true }
    return !takeWhileDraining(hang, of: worker)
  }

  /// Ends a worker whose time is over, or that has nothing more to do.
  private func end(drained worker: WorkerProcess) {
    var timeout = worker.isGone ? timeToEnd(of: worker) : 0
    if worker.isHung, !worker.isGone {
      // If its loops have turned again, it has stopped its plugins, and ends by itself.
      if worker.leftBehind != [] { worker.abort() }
      timeout = Self.timeToAbort
    }
    if worker.ended.wait(timeout: timeout) == nil { worker.kill() }
  }
}
