public import AmbitCore
internal import CFiber

// Suspension: the one place where a fiber leaves its turn, and the one where it is put back.

extension UnsafeMutablePointer<Job> {
  /// Suspends the running job until `wake` is called on it, its scope ends, or `timeout` nanoseconds pass (negative:
  /// never); returns what the wait came to. `kind` is what the log says it waits for.
  ///
  /// `scope` is the one that the plugin named in the call. If it lies below the job's own it cancels the wait, since it
  /// ends no later; else the job's own does. The caller has put the job into the list of what it waits for.
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
    if pointee.aftermath.isShielded, isEnding(in: home) {
      boundByGrace()
    } else {
      home.waitersLink.append(waiterLink)
    }
    pointee.state = .suspended
    noteWait(for: kind)
    pointee.aftermath.futileWaits = 0
    leave()
    return pointee.waitStatus
  }

  /// Puts the job behind all that is ready now and runs on in a later turn; a cancel in between does not undo it.
  public func yieldTurn() {
    pointee.loop.endLongTurn()
    if let beforeSuspension = pointee.kind.pointee.beforeSuspension { beforeSuspension(self) }
    pointee.state = .ready
    pointee.aftermath.futileWaits = 0
    let loop = pointee.loop
    let next = loop.takeNextJob()
    loop.requeue(self)
    guard let next else { return leave() }
    next.begin()
    cfiber_switch(pointee.fiber!, next.pointee.fiber!)
  }

  /// Keeps what the job waits for from now on, for the log.
  @inline(__always)
  func noteWait(for kind: WaitKind) {
    pointee.waitKind = kind
    activation.pointee.waitingSince = pointee.loop.pointee.now
  }

  /// Leaves the thread until the job's next turn: to the job that is next, without the detour over the loop's stack, or
  /// else to the loop.
  @inline(__always)
  private func leave() {
    let loop = pointee.loop
    guard let next = loop.takeNextJob() else { return cfiber_switch(pointee.fiber!, loop.ownFiber) }
    next.begin()
    if next != self { cfiber_switch(pointee.fiber!, next.pointee.fiber!) }
  }

  /// Ends the job's wait with `status` and queues it; nothing happens unless it is suspended, so the first to wake a
  /// job decides what its wait came to.
  public func wake(_ status: Status) {
    guard pointee.state == .suspended else { return }
    waiterLink.remove()
    sourceLink.remove()
    pointee.loop.disarm(waitTimer)
    pointee.aftermath.isBoundByGrace = false
    pointee.waitStatus = status
    pointee.state = .ready
    pointee.loop.enqueue(self)
  }

  /// Whether waits of this job fail that `scope`, or a scope above it, could cancel.
  @inline(__always)
  public func isCancelled(in scope: ScopePointer) -> Bool { isEnding(in: scope) && !isWithinGrace }

  /// Whether the job, its scope or `scope` has been cancelled, shielded or not.
  @inline(__always)
  func isEnding(in scope: ScopePointer) -> Bool {
    !scope.pointee.isOpen || pointee.isCancelled || !pointee.scope.pointee.isOpen
  }

  /// Cancels the job alone: its wait is woken, its later waits fail, and if it has not begun it never will. The first
  /// cause is kept.
  func cancel(_ cause: Cause) {
    guard pointee.state != .ended else { return }
    if !pointee.isCancelled { pointee.cancelCause = cause }
    cancelWait()
  }

  /// The job or its scope has been cancelled: its wait ends, now or under a shield when the grace is over, also its wait
  /// for a thread.
  func cancelWait() {
    guard pointee.state == .suspended else { return withdrawFromPool() }
    guard isWithinGrace else { return wake(.cancelled) }
    waiterLink.remove()
    boundByGrace()
  }
}

// Waits that no cancel ends.

extension UnsafeMutablePointer<Job> {
  /// Before the running job lets happen what will `unblock` it.
  func prepareToBlock() { pointee.waitStatus = .pending }

  /// Suspends the running job until `unblock` is called on it, or has been since `prepareToBlock`.
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
    _ = block(for: .delay)
  }
}

/// The timeout of a wait has passed.
let waitTimedOut: TimerFunction = { timer in
  let job = timer.assumingMemoryBound(to: Timer.self).record(Job.self, at: MemoryLayout<Job>.offset(of: \.waitTimer)!)
  if job.pointee.state == .blocked { return job.unblock(.timedOut) }
  job.wake(job.pointee.aftermath.isBoundByGrace ? .cancelled : .timedOut)
}
