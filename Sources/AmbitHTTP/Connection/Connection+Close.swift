internal import AmbitRuntime

extension UnsafeMutablePointer<Connection> {
  /// Ends the connection: no byte goes in or out any more. Its record is used again in a later turn.
  func close() {
    guard pointee.phase != .closed else { return }
    pointee.phase = .closed
    pointee.closedInTurn = loop.pointee.turn
    loop.disarm(timer)
    http1.discardExchange()
    transport.close(on: loop)
    pointee.server.didClose(self)
  }

  /// Ends a connection that has no exchange and gets none. Bytes that have come and that no event has reported yet are
  /// a request: they are served, and the connection is closed behind them since its server drains.
  func closeIfIdle() {
    guard pointee.phase == .idle, pointee.http1.exchange == nil else { return }
    pointee.transport.readiness.insert(.readable)
    startServeLoop()
  }

  /// Closes towards the client and drops the bytes that it still sends, for at most two seconds: a close with unread
  /// bytes resets the connection, and the client might lose the response (RFC 9112, section 9.6).
  func linger() {
    beginLingeringClose()
    transport.shutdownSending()
    armTimer()
    discardInput()
  }

  /// The client sends no more, or is gone: releases everything but the descriptor and leaves the close to the server.
  /// The kernel takes longer to close a connection than the host to end an exchange, and when many clients leave at
  /// once the jobs of all should end first.
  func leave() {
    beginLingeringClose()
    transport.releaseOutput()
    pointee.server.closeLater(self)
  }

  private func beginLingeringClose() {
    http1.discardExchange()
    transport.dropInput()
    pointee.phase = .lingeringClose
    setPhaseDue(after: 2_000_000_000)
  }

  /// Does the rest of `leave`: drops unread bytes, so that the response is not lost here either.
  func finishPendingClose() {
    pointee.transport.readiness.insert(.readable)
    armTimer()
    discardInput()
  }

  /// Reads and drops the bytes that have come; closes at the end of the stream. After 1 MiB it goes on in the next
  /// turn, so that others are served.
  func discardInput() {
    withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { scratch in
      for _ in 0..<64 {
        guard pointee.transport.readiness.contains(.readable) else { return }
        guard transport.receive(into: scratch.baseAddress!, capacity: scratch.count) != nil else { return close() }
      }
      pointee.timerDue = loop.pointee.now
      loop.arm(timer, at: pointee.timerDue)
    }
  }
}
