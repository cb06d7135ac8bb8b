internal import AmbitRuntime
internal import CLinux
internal import Glibc

extension UnsafeMutablePointer<Connection> {
  /// Ends the connection: no byte goes in or out any more. Its record is used again in a later turn.
  func close() {
    guard pointee.phase != .closed else { return }
    pointee.phase = .closed
    pointee.closedInTurn = loop.pointee.turn
    // A child that is just being forked has a copy, for which the loop would be told of events on.
    if clinux_has_forked() { loop.unwatch(pointee.descriptor) }
    clinux_close(pointee.descriptor)
    pointee.descriptor = -1
    loop.disarm(timer)
    dropExchange()
    pointee.inputStart = 0
    pointee.inputEnd = 0
    releaseInput()
    releaseOutput()
    pointee.server.didClose(self)
  }

  /// Ends a connection that has no request and gets none. What has come and no event has told of yet is a request: the
  /// burst that finds nothing closes the connection, as its server drains.
  func closeIfIdle() {
    guard pointee.phase == .idle, pointee.exchange == nil else { return }
    pointee.flags.insert(.readable)
    startServeLoop()
  }

  /// Closes towards the client and drops what it still sends, for at most two seconds: closing at once with unread bytes
  /// would reset the connection, and the client might lose the response (RFC 9112, section 9.6).
  func linger() {
    beginLingeringClose()
    shutdown(pointee.descriptor, Int32(SHUT_WR))
    armTimer()
    dropInput()
  }

  /// The client sends no more, or is gone: lets go of everything but the descriptor, which the server closes when it
  /// comes to that. The kernel takes longer to close a connection than the host to end its request, and when many
  /// clients leave at once the jobs of all should end first.
  func leave() {
    beginLingeringClose()
    releaseOutput()
    pointee.server.closeLater(self)
  }

  private func beginLingeringClose() {
    dropExchange()
    pointee.inputStart = 0
    pointee.inputEnd = 0
    releaseInput()
    pointee.phase = .lingeringClose
    setPhaseDue(after: 2_000_000_000)
  }

  /// What `leave` has left to be done: unread bytes are dropped, so that the response is not lost here either.
  func finishPendingClose() {
    pointee.flags.insert(.readable)
    armTimer()
    dropInput()
  }

  /// Reads and drops what has come; closes at the end of the stream. If more comes than others should wait for, it goes
  /// on in the next turn.
  func dropInput() {
    withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { scratch in
      for _ in 0..<64 {
        guard pointee.flags.contains(.readable) else { return }
        guard receive(into: scratch.baseAddress!, capacity: scratch.count) != nil else { return close() }
      }
      pointee.timerDue = loop.pointee.now
      loop.arm(timer, at: pointee.timerDue)
    }
  }
}
