internal import AmbitRuntime

// One timer serves all of a connection's timeouts. It is not moved with each request: if it fires too early for the
// phase of that moment, it is armed again for the rest.

/// The connection's timer has fired.
let connectionTimerFired: TimerFunction = { timer in
  let connection = ConnectionPointer.of(timer: timer)
  if connection.pointee.phaseDue <= connection.loop.pointee.now {
    connection.phaseTookTooLong()
  } else {
    connection.pointee.timerDue = .max
    connection.armTimer()
    if connection.pointee.phase == .lingeringClose { connection.discardInput() }
  }
}

extension UnsafeMutablePointer<Connection> {
  /// Limits the present phase to `timeout` nanoseconds, counted from this turn; `Int64.max`: no limit.
  @inline(__always)
  func setPhaseDue(after timeout: Int64) {
    let (time, overflow) = loop.pointee.now.addingReportingOverflow(timeout)
    pointee.phaseDue = overflow ? .max : time
  }

  /// Lifts the limit while a handler is at work: its exchange has a deadline of its own.
  @inline(__always)
  func phaseHasNoEnd() { pointee.phaseDue = .max }

  /// Arms the timer so that it fires no later than the phase is due.
  @inline(__always)
  func armTimer() {
    guard pointee.phaseDue < (timer.isArmed ? pointee.timerDue : .max) else { return }
    pointee.timerDue = pointee.phaseDue
    loop.arm(timer, at: pointee.phaseDue)
  }

  fileprivate func phaseTookTooLong() {
    switch pointee.phase {
    case .idle: http1.headTimedOut()
    case .lingeringClose: close()
    case .active, .closed: break
    }
  }
}
