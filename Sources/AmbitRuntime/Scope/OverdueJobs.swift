internal import AmbitCore
internal import AmbitSystem
internal import Logging

// Jobs that do not return after their cancel. A scope that is cancelled while it has jobs stands in its loop's list
// until it closes: in the same turn or the next, if its jobs behave. One timer per loop looks for scopes that are left.

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var endingLink: LinkPointer { pointer(to: \.ending)! }
  @inline(__always) var endingTimer: TimerPointer { pointer(to: \.endingTimer)! }

  /// How long after the cancel of a scope its jobs are looked at first, in nanoseconds.
  private var overdueTime: Int64 { min(1_000_000_000, pointee.limits.cancelGrace) }

  /// How late a job is at `now` that was cancelled at `start` and has not returned. From any thread.
  func lateness(since start: Int64, at now: Int64) -> Lateness {
    if now - start >= pointee.limits.cancelGrace { return .stuck }
    return now - start >= 1_000_000_000 ? .late : .none
  }

  /// Has jobs of the scope, which has just been cancelled, reported if they do not return in time.
  @inline(__always)
  func expectEnd(of scope: ScopePointer) {
    endingLink.append(scope.endingLink)
    if !endingTimer.isArmed { arm(endingTimer, at: pointee.now + overdueTime) }
  }

  /// Reports the jobs of scopes that were cancelled too long ago. From then on these scopes have timers of their own.
  fileprivate func lookForOverdueJobs() {
    while !endingLink.isAlone {
      let scope = ScopePointer.of(ending: endingLink.pointee.next)
      let due = scope.pointee.endingSince + overdueTime
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

/// The timer of a scope with overdue jobs. It is the scope's deadline timer, which a cancelled scope does not need.
private let overdueScopeDue: TimerFunction = { timer in
  ScopePointer.of(timer: timer).reportOverdueJobs()
}

extension UnsafeMutablePointer<Scope> {
  /// Nanoseconds between checks of a job that still runs under a shield after `cancel_grace`.
  private static var shieldPause: Int64 { 100_000_000 }

  /// Reports jobs that have not returned, once for each degree of lateness, and arms the timer for the next degree.
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
  /// Has the job reported as overdue, unless it has been reported with this lateness.
  fileprivate func report(_ lateness: Lateness, in scope: ScopePointer) {
    guard noteLateness(lateness) else { return }
    let report = overdue(lateness, in: scope)
    pointee.loop.pointee.watchdog?._withUnsafeGuaranteedRef { $0.report(report) }
  }

  /// Notes how late the job is; false if that is known.
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
      work: WorkLabel(self, in: scope), lateness: lateness, cause: scope.pointee.cause,
      age: now - (isHandler ? scope.pointee.openedAt : pointee.madeAt),
      sinceCancel: now - scope.pointee.endingSince, state: pointee.state.text,
      wait: isWaiting ? pointee.waitKind : nil, backtrace: pointee.fiber.map { Backtrace(of: $0) },
      subject: UInt(bitPattern: self), origin: scope.pointee.generation?.pointee.imageAddress ?? 0)
  }

  /// The job has returned, so it is not stuck any more.
  @inline(__always)
  func noteReturn(in scope: ScopePointer) {
    if pointee.cancellation.lateness == .stuck { returnedAtLast(in: scope) }
  }

  @inline(never)
  private func returnedAtLast(in scope: ScopePointer) {
    pointee.loop.pointee.stuckJobs -= 1
    let time = (Clock.monotonic - scope.pointee.endingSince) / 1_000_000
    let noun = isHandler(of: scope) ? "handler" : "job"
    PluginLog.write(.notice, scope, job: self, "a stuck \(noun) has returned \(time) ms after its cancel")
  }
}

/// A report of a job that was cancelled and has not returned in time. A copy, made on the job's loop. Times are in
/// nanoseconds.
struct OverdueJob: Sendable {
  let work: WorkLabel
  let lateness: Lateness
  let cause: Cause
  let age: Int64
  let sinceCancel: Int64
  /// The text of its `JobState`, such as "waiting".
  let state: String
  /// What it waits for; nil if it does not wait.
  let wait: WaitKind?
  /// The backtrace of its fiber; nil if it has none.
  let backtrace: Backtrace?
  /// Identifies the job to the pool, which knows the thread that works for it.
  let subject: UInt
  /// An address in the library of its plugin.
  let origin: UInt

  var message: String {
    switch lateness {
    case .none, .late:
      "a \(noun) has not returned 1 s after its cancel: it must return when a wait returns AMBIT_CANCELLED"
    case .stuck:
      "a \(noun) is stuck: it has not returned within cancel_grace of its cancel; "
        + "its scope and its generation stay in memory until it returns"
    }
  }

  private var noun: String { work.kind == .handler ? "handler" : "job" }

  var fields: Logger.Metadata {
    var fields = work.fields
    fields["cause"] = "\(cause)"
    fields["age_ms"] = "\(age / 1_000_000)"
    fields["cancelled_ms"] = "\(sinceCancel / 1_000_000)"
    fields["state"] = "\(state)"
    if let wait { fields["waits_for"] = "\(wait.rawValue)" }
    if let backtrace { fields["stack"] = "\(backtrace.text)" }
    return fields
  }
}
