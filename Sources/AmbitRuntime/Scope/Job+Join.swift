package import AmbitCore

// Waiting for other jobs.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `other` has ended.
  func join(_ other: JobPointer, in scope: ScopePointer, timeout: Int64) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    if other.pointee.state == .ended { return .ok }
    if other == self { return .invalid }
    if timeout == 0 { return .timedOut }
    other.joinersLink.append(sourceLink)
    return suspend(in: scope, timeout: timeout)
  }

  /// Waits, as the running job, until all other jobs of `scope` have ended; `.failed` if one of its jobs failed.
  package func joinAll(in scope: ScopePointer, timeout: Int64) -> Status {
    if isCancelled(in: scope) { return .cancelled }
    if scope.hasJobs(besides: self) {
      if timeout == 0 { return .timedOut }
      scope.joinersLink.append(sourceLink)
      let status = suspend(in: scope, timeout: timeout)
      guard status == .ok else { return status }
    }
    return scope.pointee.hasFailedJob ? .failed : .ok
  }
}

extension UnsafeMutablePointer<Scope> {
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
