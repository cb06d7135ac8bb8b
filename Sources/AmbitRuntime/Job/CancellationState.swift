internal import AmbitCore
internal import Logging

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

/// What a job does once it has been cancelled: waits under a shield, waits in vain, and takes its time.
public struct Aftermath {
  /// Its waits work again, as long as there is grace.
  var isShielded = false
  /// The timer of the present wait ends it because the grace is over, not because its timeout is.
  var isBoundByGrace = false
  var wasReported = false
  /// As what it has been reported.
  var lateness = Lateness.none
  /// Cancelled waits since the job was last suspended by one.
  var futileWaits: UInt8 = 0

  public init() {}
}

// A loop over a wait that fails must not keep everything else from running.

extension UnsafeMutablePointer<Job> {
  /// So many cancelled waits in one turn are no accident.
  private static var patience: UInt8 { 16 }

  /// A wait of the running job has failed because it is cancelled. If that happens again and again the job is held up,
  /// longer each time up to 10 ms, and reported once.
  @inline(__always)
  public func waitedInVain() {
    pointee.aftermath.futileWaits += 1
    if pointee.aftermath.futileWaits > Self.patience { holdUp() }
  }

  @inline(never)
  private func holdUp() {
    let count = min(pointee.aftermath.futileWaits, Self.patience + 8)
    pointee.aftermath.futileWaits = count
    if !pointee.aftermath.wasReported {
      pointee.aftermath.wasReported = true
      PluginLog.write(
        .warning, pointee.scope, job: self, isFault: true,
        "a job waits again and again although each wait returns AMBIT_CANCELLED: it is slowed down; it should return")
    }
    pause(for: min(100_000 << Int64(count - Self.patience), 10_000_000))
  }
}
