public import AmbitCore

// Waiting for other jobs.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `other` has ended, and then calls `look` while the record of `other` is still
  /// there.
  ///
  /// The scope of `other` is held meanwhile: the running job gets its turn some time after it was woken, and another
  /// job could close that scope in between.
  func join(_ other: JobPointer, in scope: ScopePointer, timeout: Int64, _ look: () -> Void) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    if other.pointee.state == .ended {
      look()
      return .ok
    }
    if other == self { return .invalid(because: "the job is the caller itself") }
    if timeout == 0 { return .timedOut }
    let home = other.pointee.scope
    home.hold()
    defer { home.release() }
    other.ensureColdState().joinersLink.append(sourceLink)
    let status = suspend(for: .join, in: scope, timeout: timeout)
    if status == .ok { look() }
    return status
  }

  /// Waits, as the running job, until all other jobs of `scope` have ended. `.failed` if a job of the scope has failed.
  /// The scope is held meanwhile, as in `join`.
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
  /// Waits, as the running job, until nothing can happen in a request by itself any more: the request's `scope` and the
  /// scopes below have no jobs, and no references through which jobs could come. Ends earlier if the job is woken. Only
  /// one job waits for this.
  public func awaitIdle(in scope: ScopePointer) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    guard scope.isBusy else { return .ok }
    scope.pointee.idleWaiter = self
    let status = suspend(for: .joinAll, in: scope)
    scope.pointee.idleWaiter = nil
    return status
  }
}

extension UnsafeMutablePointer<Scope> {
  /// In a request's scope: it or a scope below has jobs, or jobs may come through a reference.
  public var isBusy: Bool { pointee.requestJobCount > 0 || hasReferences }

  /// In a request's scope: it or an open scope below has references, so that a job may be posted at any time.
  public var hasReferences: Bool { pointee.referenceCount > 0 }

  /// Wakes the job that waits until the request is idle, if it is. (A cancel of the request wakes that job too.)
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

  /// Wakes the jobs that wait for all other jobs of the scope, if these have ended.
  func wakeJoiners() {
    joinersLink.forEach { link in
      let joiner = JobPointer.of(source: link)
      if !hasJobs(besides: joiner) { joiner.wake(.ok) }
    }
  }
}
