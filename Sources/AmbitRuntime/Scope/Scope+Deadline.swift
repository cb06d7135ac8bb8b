internal import AmbitCore
internal import AmbitSystem

// Deadlines. Each scope has its own, and the deadlines of the scopes above hold too.

extension UnsafeMutablePointer<Scope> {
  /// The earliest of the scope's own deadline and the deadlines of the scopes above, in monotonic nanoseconds;
  /// `Int64.max`: none.
  var effectiveDeadline: Int64 {
    var deadline = pointee.deadline
    var scope = pointee.parent
    while let above = scope {
      deadline = min(deadline, above.pointee.deadline)
      scope = above.pointee.parent
    }
    return deadline
  }

  /// Sets the scope's deadline to `timeout` nanoseconds from now; negative: no deadline of its own.
  ///
  /// A request's deadline never becomes later than the one that the host has set. `.cancelled` if the scope has been
  /// cancelled, or if it belongs to a generation that is retiring.
  func setTimeout(_ timeout: Int64) -> Status {
    guard pointee.isOpen, !pointee.life.isRetiring else { return .cancelled }
    guard let latest = latestDeadline else { return .noMemory }
    let (time, overflow) = Clock.monotonic.addingReportingOverflow(timeout)
    pointee.deadline = min(timeout < 0 || overflow ? .max : time, latest)
    if pointee.deadline == .max {
      pointee.loop.disarm(timer)
    } else {
      pointee.loop.arm(timer, at: pointee.deadline)
    }
    return .ok
  }

  /// As `setTimeout`. If it is a generation's scope, its shards on the other loops get the deadline in one of their
  /// next turns.
  func setTimeoutWithShards(_ timeout: Int64) -> Status {
    let status = setTimeout(timeout)
    if status == .ok, pointee.kind == .plugin {
      pointee.generation?.onOtherLoops(than: self) { _ = $0.setTimeout(timeout) }
    }
    return status
  }

  /// The deadline that the host gave the scope, saved when a plugin first asks for another; nil if there is no memory.
  private var latestDeadline: Int64? {
    guard pointee.kind == .request else { return .max }
    guard let coldState = ensureColdState() else { return nil }
    if coldState.pointee.hostDeadline == nil { coldState.pointee.hostDeadline = pointee.deadline }
    return coldState.pointee.hostDeadline
  }

  /// Arms the timer of the deadline that the host has set, before a job waits. (A deadline set by a plugin is armed at
  /// once.) A handler that never waits holds the thread, so the timer could not fire: most requests never touch the
  /// timer wheel.
  @inline(__always)
  public func armDeadline() {
    let scope = pointee.requestScope ?? self
    guard scope.pointee.deadline != .max, !scope.timer.isArmed, scope.pointee.isOpen else { return }
    scope.pointee.loop.arm(scope.timer, at: scope.pointee.deadline)
  }
}

/// A scope's deadline has passed.
let scopeDeadlinePassed: TimerFunction = { timer in
  ScopePointer.of(timer: timer).cancel(.deadline)
}
