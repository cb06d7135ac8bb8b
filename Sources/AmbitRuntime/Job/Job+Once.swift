internal import AmbitCore

// Jobs with AMBIT_JOB_ONCE: see `OnceJobs`. A job of a generation that is not told of other generations, as in tests,
// may always run.

extension UnsafeMutablePointer<Job> {
  /// Starts the own timeout of a new job. With AMBIT_JOB_ONCE it counts from the job's begin, but that of a ticker
  /// counts from now.
  @inline(never)
  func startTimeout(of options: JobOptions) {
    guard options.traits.contains(.isOnce), options.interval == nil else { return armTimeout(after: options.timeout) }
    ensureColdState().pointee.onceTimeout = options.timeout
  }

  /// Whether the job, whose turn has come, may run now. If not, it waits without a stack, or misses its tick.
  func beginOnce() -> Bool {
    let coldState = ensureColdState()
    if let generation = pointee.scope.pointee.generation?.pointee.onceJobs {
      guard generation.begin() else {
        if pointee.isTicker { restAfterTick() } else { awaitTurnOnce() }
        return false
      }
      coldState.pointee.runsOnce = true
    }
    if coldState.pointee.onceTimeout > 0 {
      armTimeout(after: coldState.pointee.onceTimeout)
      coldState.pointee.onceTimeout = 0
    }
    return true
  }

  /// Waits without a stack until the job may run. The scope's end or a cancel of the job ends the wait, too.
  private func awaitTurnOnce() {
    pointee.scope.armDeadline()
    pointee.scope.waitersLink.append(waiterLink)
    pointee.state = .suspended
    pointee.waitKind = .once
  }

  /// The job has ended, or its tick has: another generation or worker may run its own. No effect if no `beginOnce` is
  /// left to end.
  func endOnce() {
    guard let coldState = pointee.coldState, coldState.pointee.runsOnce else { return }
    coldState.pointee.runsOnce = false
    pointee.scope.pointee.generation?.pointee.onceJobs?.end()
  }

  /// Ends a tick. A ticker whose tick was cancelled because it may not run here stays, since it may run here again.
  func endTickOnce() {
    let code = pointee.code
    let isDeferred = pointee.cancelCause == .retired && pointee.scope.pointee.isOpen
    if isDeferred { pointee.cancelCause = .none }
    guard code == Status.ok.rawValue || isDeferred && code == Status.cancelled.rawValue else {
      return finishPluginJob(self)
    }
    pointee.code = Status.ok.rawValue
    endOnce()
    restAfterTick()
  }

  /// Cancels the job if it has begun. If its work waits for a thread, the job asks again later whether it may run.
  fileprivate func cancelOnce() {
    if pointee.state == .onThread {
      withdrawFromPool()
      if pointee.state == .ready { return endOnce() }
    }
    if pointee.coldState?.pointee.runsOnce == true { cancel(.retired) }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Has the jobs with AMBIT_JOB_ONCE of a generation's scope ask again whether they may run: those that wait get a
  /// turn if they may, and those that run are cancelled if they may not.
  func reviewOnceJobs() {
    guard pointee.isOpen, let generation = pointee.generation?.pointee.onceJobs else { return }
    let mayRun = generation.mayRun
    jobsLink.forEach { link in
      let job = JobPointer.of(sibling: link)
      guard job.pointee.traits.contains(.isOnce) else { return }
      if !mayRun { return job.cancelOnce() }
      if job.pointee.state == .suspended, job.pointee.waitKind == .once { job.wake(.ok) }
    }
  }
}

extension UnsafeMutablePointer<Loop> {
  /// The same for all generations on this loop.
  func reviewOnceJobs() {
    pointee.root.childrenLink.forEach { link in
      let scope = ScopePointer.of(sibling: link)
      if scope.pointee.kind == .plugin { scope.reviewOnceJobs() }
    }
  }
}
