internal import CFiber
package import AmbitCore

// Suspension: the one place where a fiber leaves its turn, and the one where it is put back.

extension UnsafeMutablePointer<Job> {
  /// Suspends the running job until `wake` is called on it, its scope ends, or `timeout` nanoseconds pass (negative:
  /// never); returns what the wait came to.
  ///
  /// `scope` is the one that the plugin named in the call. Whichever lies deeper, that or the job's own, cancels the
  /// wait: it ends no later than the other. The caller has put the job into the list of what it waits for.
  package func suspend(in scope: ScopePointer, timeout: Int64 = -1) -> Status {
    let own = pointee.scope
    let home = scope.pointee.depth > own.pointee.depth ? scope : own
    if let beforeSuspension = pointee.beforeSuspension { beforeSuspension(self) }
    if isCancelled(in: home) {
      sourceLink.remove()
      return .cancelled
    }
    let loop = pointee.loop
    home.armDeadline()
    home.waitersLink.append(waiterLink)
    if timeout >= 0 { loop.arm(waitTimer, after: timeout) }
    pointee.state = .suspended
    leave()
    return pointee.waitStatus
  }

  /// Puts the job behind all that is ready now and runs on in a later turn; a cancel in between does not undo it.
  package func yieldTurn() {
    if let beforeSuspension = pointee.beforeSuspension { beforeSuspension(self) }
    pointee.state = .ready
    pointee.loop.readyLink.append(readyLink)
    leave()
  }

  /// Gives the thread back to the loop, until the loop resumes the job.
  @inline(__always)
  private func leave() {
    let loop = pointee.loop
    cfiber_switch(fiber, loop.ownFiber)
  }

  /// Ends the job's wait with `status` and queues it; nothing happens unless it is suspended, so the first to wake a
  /// job decides what its wait came to.
  package func wake(_ status: Status) {
    guard pointee.state == .suspended else { return }
    waiterLink.remove()
    sourceLink.remove()
    pointee.loop.disarm(waitTimer)
    pointee.waitStatus = status
    pointee.state = .ready
    pointee.loop.readyLink.append(readyLink)
  }

  /// Whether waits of this job fail that `scope`, or a scope above it, could cancel.
  @inline(__always)
  package func isCancelled(in scope: ScopePointer) -> Bool {
    scope.pointee.state != .open || pointee.isCancelled || pointee.scope.pointee.state != .open
  }

  /// Cancels the job alone: its wait is woken, its later waits fail, and if it has not begun it never will.
  func cancel() {
    guard pointee.state != .ended else { return }
    pointee.isCancelled = true
    wake(.cancelled)
  }
}

/// The timeout of a wait has passed.
let waitTimedOut: @convention(c) (UnsafeMutableRawPointer) -> Void = { owner in
  owner.assumingMemoryBound(to: Job.self).wake(.timedOut)
}

/// The timeout of a job has passed.
let jobTimedOut: @convention(c) (UnsafeMutableRawPointer) -> Void = { owner in
  owner.assumingMemoryBound(to: Job.self).cancel()
}
