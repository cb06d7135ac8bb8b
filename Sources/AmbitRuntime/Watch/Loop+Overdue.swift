internal import AmbitCore
internal import AmbitSystem
internal import Logging

// Jobs that ignore their cancel. A scope that is cancelled while it has jobs stands in its loop's list until it closes,
// which for well-behaved ones is in the same turn or the next; one timer looks now and then who is left there.

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var endingLink: LinkPointer { pointer(to: \.ending)! }
  @inline(__always) var endingTimer: TimerPointer { pointer(to: \.endingTimer)! }

  /// For how long cancelled jobs may go on before anybody looks, in nanoseconds.
  private var patience: Int64 { min(1_000_000_000, pointee.limits.cancelGrace) }

  /// How late a job is at `now` that was cancelled at `start` and has not returned. From any thread.
  func lateness(since start: Int64, at now: Int64) -> Lateness {
    if now - start >= pointee.limits.cancelGrace { return .stuck }
    return now - start >= 1_000_000_000 ? .late : .none
  }

  /// Sees to it that jobs of the scope, which has just been cancelled, are reported unless they return in time.
  @inline(__always)
  func expectEnd(of scope: ScopePointer) {
    endingLink.append(scope.endingLink)
    if !endingTimer.isArmed { arm(endingTimer, at: pointee.now + patience) }
  }

  /// Reports the jobs of scopes that were cancelled too long ago, which then have timers of their own.
  fileprivate func lookForOverdueJobs() {
    while !endingLink.isAlone {
      let scope = ScopePointer.of(ending: endingLink.pointee.next)
      let due = scope.pointee.endingSince + patience
      guard due <= pointee.now else { return arm(endingTimer, at: due) }
      scope.endingLink.remove()
      scope.reportOverdueJobs()
    }
  }
}

/// The timer of a loop's list of ending scopes.
let endingScopesDue: TimerFunction = { timer in
  timer.assumingMemoryBound(to: Timer.self).record(Loop.self, at: MemoryLayout<Loop>.offset(of: \.endingTimer)!)
    .lookForOverdueJobs()
}

/// The timer of a scope with jobs that are overdue: nothing else is timed in a scope that ends.
private let overdueScopeDue: TimerFunction = { timer in
  ScopePointer.of(timer: timer).reportOverdueJobs()
}

extension UnsafeMutablePointer<Scope> {
  /// How often it is looked at a job that has outlived its grace under a shield which it was late to use.
  private static var shieldPause: Int64 { 100_000_000 }

  /// Reports the jobs that have not returned, each once for each degree of lateness, and looks again when the next one
  /// is reached.
  fileprivate func reportOverdueJobs() {
    let lateness = pointee.loop.lateness(since: pointee.endingSince, at: pointee.loop.pointee.now)
    var isShielded = false
    func look(at job: JobPointer) {
      if job.isShieldActive { isShielded = true } else { job.report(lateness, in: self) }
    }
    jobsLink.forEach { look(at: .of(sibling: $0)) }
    if let handler = pointee.handlerJob, !pointee.hasHandlerReturned { look(at: handler) }
    let loop = pointee.loop
    pointee.timer.fire = overdueScopeDue
    if lateness < .stuck {
      loop.arm(timer, at: pointee.endingSince + loop.pointee.limits.cancelGrace)
    } else if isShielded {
      loop.arm(timer, at: loop.pointee.now + Self.shieldPause)
    }
  }
}

extension UnsafeMutablePointer<Job> {
  /// Has the job reported as overdue, unless it has been before.
  fileprivate func report(_ lateness: Lateness, in scope: ScopePointer) {
    guard noteLateness(lateness) else { return }
    let report = overdue(lateness, in: scope)
    pointee.loop.pointee.watchdog?._withUnsafeGuaranteedRef { $0.report(report) }
  }

  /// Counts the job as late; false if that is no news.
  func noteLateness(_ lateness: Lateness) -> Bool {
    guard lateness > pointee.cancellation.lateness else { return false }
    pointee.cancellation.lateness = lateness
    if lateness == .stuck { pointee.loop.pointee.stuckJobs += 1 }
    return true
  }

  private func overdue(_ lateness: Lateness, in scope: ScopePointer) -> OverdueJob {
    let now = pointee.loop.pointee.now
    let isWaiting = pointee.state == .suspended || pointee.state == .blocked
    let isHandler = isHandler(of: scope)
    return OverdueJob(
      work: WorkName(self, in: scope), lateness: lateness, cause: scope.pointee.cause,
      age: now - (isHandler ? scope.pointee.openedAt : pointee.madeAt),
      sinceCancel: now - scope.pointee.endingSince, state: pointee.state.text,
      wait: isWaiting ? pointee.waitKind : nil, backtrace: pointee.fiber == nil ? nil : Backtrace(of: self),
      subject: UInt(bitPattern: self), origin: scope.pointee.generation?.pointee.imageAddress ?? 0)
  }

  /// Whether it runs the handler of the request whose scope this is; a plugin's `start`, `stop` or `save` is a job.
  func isHandler(of scope: ScopePointer) -> Bool {
    scope.pointee.handlerJob == self && scope.pointee.kind == .request
  }

  /// The job has returned, if late: it is not stuck any more.
  @inline(__always)
  func noteReturn(in scope: ScopePointer) {
    if pointee.cancellation.lateness == .stuck { returnedAtLast(in: scope) }
  }

  @inline(never)
  private func returnedAtLast(in scope: ScopePointer) {
    pointee.loop.pointee.stuckJobs -= 1
    let time = (Clock.monotonic - scope.pointee.endingSince) / 1_000_000
    let noun = isHandler(of: scope) ? "handler" : "job"
    PluginLog.write(.notice, scope, job: self, "a stuck \(noun) has returned, \(time) ms after its cancel")
  }

  /// The job has run the handler of `scope`, whose shield and delays end with it; `handlerIsDone` follows.
  @inline(__always)
  public func handlerReturned(in scope: ScopePointer) {
    scope.pointee.hasHandlerReturned = true
    noteReturn(in: scope)
    pointee.cancellation = CancellationState()
  }

  /// What the handler has returned has been told: nothing is left of it in the job.
  @inline(__always)
  public func handlerIsDone() { releaseColdState() }
}
