public import AmbitCore

// Waiting for other jobs.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `other` has ended, and then calls `look`, while its record is there.
  ///
  /// The scope of `other` is held meanwhile: whoever has been woken has its turn later, and by then another job may have
  /// closed that scope.
  func join(_ other: JobPointer, in scope: ScopePointer, timeout: Int64, _ look: () -> Void) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    if other.pointee.state == .ended {
      look()
      return .ok
    }
    if other == self { return .invalid }
    if timeout == 0 { return .timedOut }
    let home = other.pointee.scope
    home.hold()
    defer { home.release() }
    other.attach().joinersLink.append(sourceLink)
    let status = suspend(for: .join, in: scope, timeout: timeout)
    if status == .ok { look() }
    return status
  }

  /// Waits, as the running job, until all other jobs of `scope` have ended; `.failed` if one of its jobs failed. The scope
  /// is held meanwhile, as that of a joined job is.
  public func joinAll(in scope: ScopePointer, timeout: Int64) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    scope.hold()
    defer { scope.release() }
    if scope.hasJobs(besides: self) {
      if timeout == 0 { return .timedOut }
      scope.joinersLink.append(sourceLink)
      let status = suspend(for: .joinAll, in: scope, timeout: timeout)
      guard status == .ok else { return status }
    }
    return scope.pointee.hasFailedJob ? .failed : .ok
  }
}

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job and no other, until nothing can happen in a request by itself any more: no job of
  /// `scope` or below is left, and no reference through which one might come; or until the job is woken.
  public func awaitIdle(in scope: ScopePointer) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    guard scope.isBusy else { return .ok }
    scope.pointee.idleWaiter = self
    let status = suspend(for: .idle, in: scope)
    scope.pointee.idleWaiter = nil
    return status
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Of a request's scope: whether a job in it or below has yet to end, or may come through a reference.
  public var isBusy: Bool { pointee.requestJobCount > 0 || hasReferences }

  /// Of a request's scope: whether it or an open scope below is referred to, so that a job may be posted any time.
  public var hasReferences: Bool { pointee.referenceCount > 0 }

  /// Wakes the job that waits for the request to be idle, if it is. A cancel of the request wakes it anyway.
  func wakeIdleWaiter() {
    guard let request = pointee.requestScope, let waiter = request.pointee.idleWaiter, request.pointee.isOpen,
      !request.isBusy
    else { return }
    waiter.wake(.ok)
  }

  /// Whether a job other than `job` has yet to end.
  fileprivate func hasJobs(besides job: JobPointer) -> Bool {
    pointee.jobCount > (job.pointee.scope == self && !job.siblingLink.isAlone ? 1 : 0)
  }

  /// Wakes those who wait for all jobs, if their wait is over.
  func wakeJoiners() {
    joinersLink.forEach { link in
      let joiner = JobPointer.of(source: link)
      if !hasJobs(besides: joiner) { joiner.wake(.ok) }
    }
  }
}
