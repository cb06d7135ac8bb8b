internal import AmbitCore
internal import AmbitSystem

// Tickers: jobs that run their function again and again, on a stack that they have for the length of a tick only.

extension UnsafeMutablePointer<Job> {
  /// Makes a job that has not run a ticker, which rests until its first tick.
  func startTicking(every interval: Int64) {
    pointee.ticks = TickSchedule(interval: interval, startingAt: Clock.monotonic)
    pointee.kind = pointee.loop.ticker
    rest()
  }

  /// Waits without a stack for the next tick: the timer, the scope's end or a cancel of the job makes it ready.
  private func rest() {
    let scope = pointee.scope
    scope.armDeadline()
    scope.waitersLink.append(waiterLink)
    pointee.loop.arm(waitTimer, at: pointee.ticks.due)
    pointee.state = .suspended
    pointee.waitKind = .tick
  }

  /// Rests until the next tick; a ticker that was cancelled during this one comes to its end instead. A shield is for
  /// the waits of one tick.
  func restAfterTick() {
    unshield()
    forgetFailure()
    pointee.ticks.advance(to: Clock.monotonic)
    rest()
    if isCancelled(in: pointee.scope) { wake(.cancelled) }
  }
}

/// Ends a tick, and with it the job unless the tick returned `AMBIT_OK`.
let finishTick: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  if job.pointee.code == Status.ok.rawValue { job.restAfterTick() } else { finishPluginJob(record) }
}
