internal import AmbitRuntime

extension UnsafeMutablePointer<Connection> {
  /// Closes the connection: no byte goes in or out any more. Its record is reused in a later turn.
  func close() {
    guard pointee.phase != .closed else { return }
    pointee.phase = .closed
    pointee.closedInTurn = loop.pointee.turn
    loop.disarm(timer)
    http1.discardExchange()
    transport.close(on: loop)
    pointee.server.didClose(self)
  }

  /// Ends the connection from another thread than the loop's, which hangs: see `HTTPServer.endConnections`.
  func endObserved() {
    guard let phase = observed(\.phase), phase != .closed else { return }
    transport.shutDownObserved()
  }

  /// Closes a connection that has no exchange. If bytes have arrived that no event has reported yet, they are a
  /// request: the request is served, and the connection is closed after it, because its server drains.
  private func closeIfIdle() {
    guard pointee.phase == .idle, pointee.http1.exchange == nil else { return }
    pointee.transport.readiness.insert(.readable)
    startServeLoop()
  }

  /// The server begins to drain.
  func drain() {
    let idleTime = pointee.server.pointee.idleTimeOfDrain
    guard idleTime > 0 else { return closeIfIdle() }
    guard pointee.phase == .idle, pointee.http1.exchange == nil else { return }
    let due = loop.pointee.now + idleTime
    if due < pointee.phaseDue { pointee.phaseDue = due }
    armTimer()
  }

  /// The connection has become idle while the server drains. A response that was begun before has not said that the
  /// connection ends, so the next request may be under way.
  @inline(never)
  func becomeIdleInDrain() {
    let idleTime = pointee.server.pointee.idleTimeOfDrain
    guard idleTime > 0 else { return close() }
    setPhaseDue(after: idleTime)
    armTimer()
  }

  /// Shuts down the sending side and drops the bytes that the client still sends, for at most two seconds: a close with
  /// unread bytes resets the connection, and the client might lose the response (RFC 9112, section 9.6).
  func linger() {
    beginLingeringClose()
    transport.shutdownSending()
    armTimer()
    discardInput()
  }

  /// The client sends no more, or is gone. Releases everything but the descriptor; the server closes it later. The
  /// kernel takes longer to close a connection than the host to end an exchange, and if many clients leave at once, all
  /// their jobs should end first.
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

  /// Reads and drops the bytes that have arrived; closes at the end of the stream. After 1 MiB it goes on in the next
  /// turn, so that other connections are served.
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
