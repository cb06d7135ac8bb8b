internal import AmbitCore

// A shield: for one job, waits work again after a cancel, for at most `cancelGrace` in all.

extension UnsafeMutablePointer<Job> {
  /// Lets the job's waits work after a cancel; `.limit` if its grace is used up.
  func shield() -> Status {
    guard attach().pointee.grace.used < cancelGrace else { return .limit }
    pointee.aftermath.isShielded = true
    if isEnding(in: pointee.scope) { _ = isWithinGrace }
    return .ok
  }

  /// Ends the shield: what of the grace was not used is there for the next.
  func unshield() {
    guard pointee.aftermath.isShielded else { return }
    attach().pointee.grace = Grace(used: graceUsed)
    pointee.aftermath.isShielded = false
  }

  /// Whether the job, which is cancelled, may wait. The grace is being used from the first time this is asked.
  @inline(__always)
  var isWithinGrace: Bool { pointee.aftermath.isShielded && hasGraceLeft }

  /// Whether the shielded job may wait.
  @inline(never)
  private var hasGraceLeft: Bool {
    let attachments = attach()
    if attachments.pointee.grace.usedSince == nil { attachments.pointee.grace.usedSince = Clock.monotonic }
    if graceUsed < cancelGrace { return true }
    unshield()
    return false
  }

  /// Ends the present wait when the grace is over, if it has not ended before.
  func boundByGrace() {
    let loop = pointee.loop
    let (end, overflow) = Clock.monotonic.addingReportingOverflow(cancelGrace - graceUsed)
    guard !overflow, !waitTimer.isArmed || loop.due(waitTimer) > end else { return }
    loop.arm(waitTimer, at: end)
    pointee.aftermath.isBoundByGrace = true
  }

  private var cancelGrace: Int64 { pointee.loop.pointee.limits.cancelGrace }

  private var graceUsed: Int64 {
    let grace = attach().pointee.grace
    guard let since = grace.usedSince else { return grace.used }
    return grace.used + Clock.monotonic - since
  }
}

/// What a job has used of the time for which shields let it wait after a cancel.
struct Grace {
  /// Nanoseconds used up by shields that have ended.
  var used: Int64 = 0
  /// Since when the present shield has used it (monotonic, nanoseconds); nil before the cancel.
  var usedSince: Int64?
}
