internal import AmbitCore

// Deadlines: each scope has its own, and those of the scopes above hold besides.

extension UnsafeMutablePointer<Scope> {
  /// When the scope is cancelled at the latest (monotonic, nanoseconds; `Int64.max`: never): the earliest of its own
  /// deadline and those of the scopes above.
  var effectiveDeadline: Int64 {
    var deadline = pointee.deadline
    var scope = pointee.parent
    while let above = scope {
      deadline = min(deadline, above.pointee.deadline)
      scope = above.pointee.parent
    }
    return deadline
  }

  /// Moves the scope's own deadline to `time` (monotonic, nanoseconds) if that is earlier than what holds now.
  public func moveDeadline(to time: Int64) {
    guard time < pointee.deadline else { return }
    pointee.deadline = time
    if pointee.isOpen { pointee.loop.arm(timer, at: time) }
  }

  /// Sets the scope's deadline to `timeout` nanoseconds from now, negative for none of its own.
  ///
  /// What the host has set, a request's deadline, stays the latest there can be. `.cancelled` if the scope is ending;
  /// a plugin's that takes no more requests is.
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

  /// Sets the scope's deadline, and a plugin's on the other loops too, in one of their next turns.
  func setTimeoutWithShards(_ timeout: Int64) -> Status {
    let status = setTimeout(timeout)
    if status == .ok, pointee.kind == .plugin {
      pointee.generation?.onOtherLoops(than: self) { _ = $0.setTimeout(timeout) }
    }
    return status
  }

  /// The deadline that the host gave the scope, kept when a plugin first asks for another; nil if there is no memory.
  private var latestDeadline: Int64? {
    guard pointee.kind == .request else { return .max }
    guard let attachments = attach() else { return nil }
    if attachments.pointee.hostDeadline == nil { attachments.pointee.hostDeadline = pointee.deadline }
    return attachments.pointee.hostDeadline
  }

  /// Sees to it that a deadline which the host has set fires; a plugin's does anyway. A request in which nothing waits
  /// has none to fire: its handler holds the thread, so most requests never touch the timer wheel.
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
