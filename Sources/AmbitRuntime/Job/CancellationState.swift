internal import AmbitCore
internal import AmbitSystem
internal import Logging

/// What a job does after it has been cancelled.
public struct CancellationState {
  /// A shield lets its waits work again, until its shield time is used up.
  var isShielded = false
  /// The timer of the present wait is set for the end of the shield time, not for the wait's own timeout.
  var isBoundByShield = false
  /// The log says that the job spins on cancelled waits.
  var wasReported = false
  /// The lateness that was reported last.
  var lateness = Lateness.none
  /// Waits that failed since a wait last suspended the job.
  var cancelledWaits: UInt8 = 0

  public init() {}
}

/// How late a cancelled job is.
enum Lateness: UInt8, Sendable, Comparable {
  case none
  /// It has not returned 1 s after the cancel.
  case late
  /// It has not returned within `cancel_grace`, and may never return.
  case stuck

  static func < (one: Lateness, other: Lateness) -> Bool { one.rawValue < other.rawValue }
}

// Shields: waits of one job work again after a cancel, for at most `cancelGrace` in all.

extension UnsafeMutablePointer<Job> {
  /// Lets the job's waits work after a cancel. `.limit` if its shield time is used up.
  func shield() -> Status {
    guard ensureColdState().pointee.shieldTime.used < cancelGrace else { return .limit }
    pointee.cancellation.isShielded = true
    if isEnding(in: pointee.scope) { _ = isShieldActive }
    return .ok
  }

  /// Ends the shield. The rest of the shield time is left for the next shield.
  func unshield() {
    guard pointee.cancellation.isShielded else { return }
    ensureColdState().pointee.shieldTime = ShieldTime(used: shieldTimeUsed)
    pointee.cancellation.isShielded = false
  }

  /// Whether the cancelled job may wait. The shield time runs from the first time this is asked.
  @inline(__always)
  var isShieldActive: Bool { pointee.cancellation.isShielded && hasShieldTimeLeft }

  /// Whether the shielded job has shield time left.
  @inline(never)
  private var hasShieldTimeLeft: Bool {
    let coldState = ensureColdState()
    if coldState.pointee.shieldTime.usedSince == nil { coldState.pointee.shieldTime.usedSince = Clock.monotonic }
    if shieldTimeUsed < cancelGrace { return true }
    unshield()
    return false
  }

  /// Sets the timer of the present wait, so that the wait ends when the shield time is used up.
  func boundWaitByShield() {
    let loop = pointee.loop
    let (end, overflow) = Clock.monotonic.addingReportingOverflow(cancelGrace - shieldTimeUsed)
    guard !overflow, !waitTimer.isArmed || loop.due(waitTimer) > end else { return }
    loop.arm(waitTimer, at: end)
    pointee.cancellation.isBoundByShield = true
  }

  private var cancelGrace: Int64 { pointee.loop.pointee.limits.cancelGrace }

  private var shieldTimeUsed: Int64 {
    let shieldTime = ensureColdState().pointee.shieldTime
    guard let since = shieldTime.usedSince else { return shieldTime.used }
    return shieldTime.used + Clock.monotonic - since
  }
}

/// How much a job has used of the time for which shields let it wait after a cancel.
struct ShieldTime {
  /// Nanoseconds that earlier shields have used.
  var used: Int64 = 0
  /// When the present shield started to use it, in monotonic nanoseconds; nil before the cancel.
  var usedSince: Int64?
}

// The cancelled-wait spin: a job that repeats a wait although it is cancelled must not keep everything else from
// running.

extension UnsafeMutablePointer<Job> {
  /// How many cancelled waits in one turn a job may make before it is slowed down.
  private static var spinLimit: UInt8 { 16 }

  /// A wait of the running job has failed because the job is cancelled. A job that spins on such waits is slowed down,
  /// longer each time up to 10 ms, and reported once.
  @inline(__always)
  public func noteCancelledWait() {
    pointee.cancellation.cancelledWaits += 1
    if pointee.cancellation.cancelledWaits > Self.spinLimit { slowDown() }
  }

  @inline(never)
  private func slowDown() {
    let count = min(pointee.cancellation.cancelledWaits, Self.spinLimit + 8)
    pointee.cancellation.cancelledWaits = count
    if !pointee.cancellation.wasReported {
      pointee.cancellation.wasReported = true
      PluginLog.write(
        .warning, pointee.scope, job: self, isFault: true,
        "the job repeats a wait although each one returns AMBIT_CANCELLED; the host slows it down until it returns")
    }
    pause(for: min(100_000 << Int64(count - Self.spinLimit), 10_000_000))
  }
}
