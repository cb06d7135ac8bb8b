internal import AmbitCore
internal import CAmbit
internal import Logging

// The end of a plugin's job: its outcome, its hook, the jobs that wait for it, its scope.

extension UnsafeMutablePointer<Job> {
  /// Keeps the result of the job's function, and the outcome that follows from it.
  @inline(__always)
  func noteResult(_ code: Int32) {
    pointee.code = code
    pointee.outcome = outcome(code: code)
  }

  /// The outcome of the job if its function has returned `code`.
  @inline(__always)
  func outcome(code: Int32) -> Outcome { call?.outcome(code: code) ?? Outcome(code: code) }

  /// The C call that the job makes; nil for other jobs.
  @inline(__always)
  fileprivate var call: ForeignCallPointer? {
    pointee.traits.contains(.isCall) ? pointee.argument?.assumingMemoryBound(to: ForeignCall.self) : nil
  }

  /// Runs the job's hook, if it has one, and notes it as the loop's work. The arguments of a C call are released.
  @inline(__always)
  fileprivate func runEndHook() {
    if pointee.onEnd != nil { pointee.loop.noteHook(.onEnd, of: pointee.scope) { callEndHook() } }
    call?.release()
  }

  /// Calls the job's hook, which gets the argument back.
  fileprivate func callEndHook() {
    guard let onEnd = pointee.onEnd else { return }
    onEnd(call == nil ? pointee.argument : nil, ambit_outcome(pointee.outcome.rawValue), pointee.code)
    ForkedChild.endIfReturned(from: .onEnd, of: pointee.scope)
  }

  /// Logs that the job has failed, and why, unless a line about its mistake says so already.
  fileprivate func reportFailure() {
    guard !isFailureReported(pointee.code) else { return }
    let reason = call?.failureText(code: pointee.code) ?? "failed with \(Status(rawValue: pointee.code).constant)"
    PluginLog.write(.warning, pointee.scope, job: self, "job \(reason)\(failureText(for: pointee.code))")
  }
}

/// Ends a plugin's job.
let finishPluginJob: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let scope = job.pointee.scope
  job.disarmTimeout()
  if job.pointee.outcome == .failed {
    scope.pointee.hasFailedJob = true
    job.reportFailure()
    if scope.pointee.isFailFast { scope.cancel(.failed) }
  }
  guard job.pointee.traits.isDisjoint(with: .endsElsewhere) else { return job.endElsewhere() }
  job.leaveScope()
  job.runEndHook()
  job.tellOfEnd()
}

extension UnsafeMutablePointer<Job> {
  /// The job does not count among the jobs of its scope any more.
  fileprivate func leaveScope() {
    let scope = pointee.scope
    noteReturn(in: scope)
    siblingLink.remove()
    scope.pointee.jobCount &-= 1
    scope.pointee.use.jobs.giveBack()
    if let request = scope.pointee.requestScope { request.pointee.requestJobCount &-= 1 }
  }

  /// Ends a job whose hook runs on a thread, or that runs in one worker at a time.
  @inline(never)
  fileprivate func endElsewhere() {
    if pointee.traits.contains(.endsOnThread) { return endOnThread() }
    leaveScope()
    runEndHook()
    endOnce()
    tellOfEnd()
  }

  /// Runs the hook on a thread of the pool. The job counts as running until the hook has returned, so joining the job
  /// or closing its scope waits for the hook.
  fileprivate func endOnThread() {
    pointee.state = .onThread
    let job = self
    pointee.scope.runHookOnThread("on_end") {
      job.callEndHook()
      job.call?.release()
    } then: {
      job.pointee.state = .ended
      job.leaveScope()
      job.endOnce()
      job.tellOfEnd()
    }
  }

  /// The job's hook has run: wakes the jobs that wait for the end, and releases the scope.
  fileprivate func tellOfEnd() {
    let scope = pointee.scope
    if let coldState = pointee.coldState {
      coldState.joinersLink.forEach { JobPointer.of(source: $0).wake(.ok) }
      releaseColdState()
    }
    scope.wakeJoiners()
    scope.wakeIdleWaiter()
    if pointee.traits.contains(.isHeld) { scope.endedJobsLink.append(siblingLink) } else { pointee.loop.recycle(self) }
    scope.release()
  }
}
