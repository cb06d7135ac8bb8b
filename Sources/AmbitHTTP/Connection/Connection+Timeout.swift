internal import AmbitRuntime

// One timer serves all of a connection's timeouts. It is not moved with each request: when it fires too early for the
// phase that then holds, it is armed again for the rest.

/// The connection's timer has fired.
let connectionTimerFired: TimerFunction = { timer in
  let connection = ConnectionPointer.of(timer: timer)
  if connection.pointee.phaseDue <= connection.loop.pointee.now {
    connection.phaseTookTooLong()
  } else {
    connection.pointee.timerDue = .max
    connection.armTimer()
    if connection.pointee.phase == .lingeringClose { connection.dropInput() }
  }
}

extension UnsafeMutablePointer<Connection> {
  /// The present phase is to be over in `timeout` nanoseconds, counted from this turn; `Int64.max`: whenever.
  @inline(__always)
  func setPhaseDue(after timeout: Int64) {
    let (time, overflow) = loop.pointee.now.addingReportingOverflow(timeout)
    pointee.phaseDue = overflow ? .max : time
  }

  /// A handler is at work: its request has a deadline of its own.
  @inline(__always)
  func phaseHasNoEnd() { pointee.phaseDue = .max }

  /// Sees to it that the timer fires no later than the phase is due.
  @inline(__always)
  func armTimer() {
    guard pointee.phaseDue < (timer.isArmed ? pointee.timerDue : .max) else { return }
    pointee.timerDue = pointee.phaseDue
    loop.arm(timer, at: pointee.phaseDue)
  }

  fileprivate func phaseTookTooLong() {
    switch pointee.phase {
    case .idle:
      guard let exchange = pointee.exchange else { return close() }
      ErrorResponse.send(
        on: exchange, status: 408, text: "the request head did not arrive in time", closing: true)
      flushWithoutWaiting()
      linger()
    case .lingeringClose: close()
    case .active, .closed: break
    }
  }
}
