public import AmbitCore
internal import CFiber

/// What a job waits for. Logs, dumps and the admin API show the raw value as `waits_for`.
public enum WaitKind: String, Codable, Sendable, CaseIterable {
  case sleep
  /// Its next tick, as a ticker.
  case tick
  /// Its first turn: the job has AMBIT_JOB_ONCE and may not run in this worker, or not yet.
  case once
  case event
  /// Room in a channel.
  case send
  /// A message in a channel.
  case receive
  case descriptor
  case join
  /// The end of all other jobs of a scope, or of a request whose handler has returned.
  case joinAll = "join_all"
  /// A child scope to be closed.
  case close
  /// A function that runs on a pool thread.
  case thread
  /// More of a request's body.
  case body
  /// The peer to take more of what the job sends.
  case write
  /// Its next turn, behind jobs that are ready.
  case yield
  /// The end of a pause: the job retries a cancelled wait, and the host slows it down.
  case throttled
}

extension JobState {
  /// The name that logs, dumps and the admin API show as `state`.
  var text: String {
    switch self {
    case .created: "new"
    case .ready: "ready"
    case .running: "running"
    case .suspended: "waiting"
    case .blocked: "blocked"
    case .onThread: "thread"
    case .ended, .forgotten: "ended"
    }
  }
}

// Suspension: the only place where a fiber leaves its turn, and the only place where it is queued again.

extension UnsafeMutablePointer<Job> {
  /// Suspends the running job until `wake` is called on it, its scope is cancelled, or `timeout` nanoseconds have
  /// passed (negative: no timeout). Returns the status of the wait. `kind` is what the log says the job waits for.
  ///
  /// `scope` is the scope that the plugin passed to the call. If it lies below the job's own scope, its cancel ends the
  /// wait, since it comes no later; otherwise the cancel of the job's own scope does. The caller has put the job into
  /// the list of waiters of the thing it waits for.
  public func suspend(for kind: WaitKind, in scope: ScopePointer, timeout: Int64 = -1) -> Status {
    let own = pointee.scope
    let home = own.encloses(scope) ? scope : own
    if let beforeSuspension = pointee.kind.pointee.beforeSuspension { beforeSuspension(self) }
    if isCancelled(in: home) {
      sourceLink.remove()
      return .cancelled
    }
    let loop = pointee.loop
    home.armDeadline()
    if timeout >= 0 { loop.arm(waitTimer, after: timeout) }
    if pointee.cancellation.isShielded, isEnding(in: home) {
      boundWaitByShield()
    } else {
      home.waitersLink.append(waiterLink)
    }
    pointee.state = .suspended
    noteWait(for: kind)
    pointee.cancellation.cancelledWaits = 0
    leave()
    return pointee.waitStatus
  }

  /// Queues the running job behind all jobs that are ready now. It goes on in a later turn, cancelled or not.
  public func yieldTurn() {
    pointee.loop.endLongTurn()
    if let beforeSuspension = pointee.kind.pointee.beforeSuspension { beforeSuspension(self) }
    pointee.state = .ready
    pointee.cancellation.cancelledWaits = 0
    let loop = pointee.loop
    let next = loop.takeNextJob()
    loop.requeue(self)
    guard let next else { return leave() }
    if pointee.traits.contains(.takesThreadState) { return leaveWithThreadState { switchAway(to: next) } }
    switchAway(to: next)
  }

  /// Notes, for the log, what the job waits for from now on.
  @inline(__always)
  func noteWait(for kind: WaitKind) {
    pointee.waitKind = kind
    stackState.pointee.waitingSince = pointee.loop.pointee.now
  }

  /// Leaves the thread until the job's next turn. The next ready job runs without a detour over the loop's stack; if
  /// there is none, the loop runs.
  @inline(__always)
  private func leave() {
    if pointee.traits.contains(.takesThreadState) { return leaveWithThreadState { switchAway() } }
    switchAway()
  }

  @inline(__always)
  private func switchAway() {
    let loop = pointee.loop
    guard let next = loop.takeNextJob() else { return cfiber_switch(pointee.fiber!, loop.ownFiber) }
    switchAway(to: next)
  }

  @inline(__always)
  private func switchAway(to next: JobPointer) {
    next.begin()
    if next != self { cfiber_switch(pointee.fiber!, next.pointee.fiber!) }
  }

  /// Leaves the thread, and takes along what the Swift runtime keeps for the thread on behalf of this job.
  @inline(never)
  private func leaveWithThreadState(_ leave: () -> Void) {
    let isChecked = pointee.loop.pointee.isChecked
    var state = SwiftThreadState()
    state.take(isChecked: isChecked)
    leave()
    state.putBack(isChecked: isChecked)
  }

  /// Ends the job's wait with `status` and queues the job. Has no effect unless the job is suspended, so the first call
  /// decides the status of the wait.
  public func wake(_ status: Status) {
    guard pointee.state == .suspended else { return }
    waiterLink.remove()
    sourceLink.remove()
    pointee.loop.disarm(waitTimer)
    pointee.cancellation.isBoundByShield = false
    pointee.waitStatus = status
    pointee.state = .ready
    pointee.loop.enqueue(self)
  }

  /// Whether waits of this job in `scope` fail because of a cancel.
  @inline(__always)
  public func isCancelled(in scope: ScopePointer) -> Bool { isEnding(in: scope) && !isShieldActive }

  /// Whether the job, its scope or `scope` has been cancelled, shielded or not.
  @inline(__always)
  func isEnding(in scope: ScopePointer) -> Bool {
    !scope.pointee.isOpen || pointee.isCancelled || !pointee.scope.pointee.isOpen
  }

  /// Cancels this job only: its wait ends, its later waits fail, and if it has not begun, it never runs. The first
  /// cause wins, but for `retired`, after which a ticker goes on: see `endTickOnce`.
  func cancel(_ cause: Cause) {
    guard pointee.state != .ended else { return }
    if !pointee.isCancelled || pointee.cancelCause == .retired { pointee.cancelCause = cause }
    cancelWait()
  }

  /// Ends the wait of a cancelled job, also its wait for a thread. Under a shield, the wait ends when the shield time
  /// is used up.
  func cancelWait() {
    guard pointee.state == .suspended else { return withdrawFromPool() }
    guard isShieldActive else { return wake(.cancelled) }
    waiterLink.remove()
    boundWaitByShield()
  }
}

// Waits that a cancel does not end.

extension UnsafeMutablePointer<Job> {
  /// To be called before anything can call `unblock` on the running job.
  func prepareToBlock() { pointee.waitStatus = .pending }

  /// Suspends the running job until `unblock` is called on it. Returns at once if that has happened since
  /// `prepareToBlock`.
  func block(for kind: WaitKind) -> Status {
    if let beforeSuspension = pointee.kind.pointee.beforeSuspension { beforeSuspension(self) }
    if pointee.waitStatus == .pending {
      pointee.state = .blocked
      noteWait(for: kind)
      leave()
    }
    return pointee.waitStatus
  }

  /// Ends the wait of `block`.
  func unblock(_ status: Status) {
    pointee.waitStatus = status
    guard pointee.state == .blocked else { return }
    pointee.loop.disarm(waitTimer)
    pointee.state = .ready
    pointee.loop.enqueue(self)
  }

  /// Suspends the running job for `duration` nanoseconds.
  func pause(for duration: Int64) {
    prepareToBlock()
    pointee.loop.arm(waitTimer, after: duration)
    _ = block(for: .throttled)
  }
}

/// The timeout of a wait has passed.
let waitTimedOut: TimerFunction = { timer in
  let job = timer.assumingMemoryBound(to: Timer.self).record(Job.self, at: MemoryLayout<Job>.offset(of: \.waitTimer)!)
  if job.pointee.state == .blocked { return job.unblock(.timedOut) }
  job.wake(job.pointee.cancellation.isBoundByShield ? .cancelled : .timedOut)
}
