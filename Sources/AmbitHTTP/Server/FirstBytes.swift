internal import AmbitRuntime

/// Whether a loop waits for the first bytes of a connection that it has accepted.
///
/// As a rule they follow the connection by some microseconds. A loop that does not wait for them may begin with
/// another connection's handler; if that handler blocks, the new client waits for it, although another loop could have
/// served the client. So a loop with nothing else to do waits for the first bytes for a moment. After each wait that
/// brought no bytes it skips twice as many connections as before, so that silent clients do not delay it.
struct FirstBytes {
  /// In nanoseconds.
  fileprivate static var wait: Int64 { 100_000 }
  private static var mostDoublings: UInt32 { 6 }

  /// Waits in a row that brought no bytes.
  private var failures: UInt32 = 0
  /// How many connections the loop skips before the next wait.
  private var skips: UInt32 = 0

  mutating func isWorthwhile() -> Bool {
    guard skips > 0 else { return true }
    skips -= 1
    return false
  }

  mutating func note(haveCome: Bool) {
    failures = haveCome ? 0 : min(failures + 1, Self.mostDoublings)
    skips = 1 << failures - 1
  }
}

extension UnsafeMutablePointer<Server> {
  /// Waits for the first bytes of a new connection, if that is worthwhile; false if none have arrived.
  func mayHaveFirstBytes(on transport: TransportPointer) -> Bool {
    guard pointee.connections.isShared, !pointee.loop.hasMoreInTurn, pointee.firstBytes.isWorthwhile() else {
      return true
    }
    let haveCome = transport.awaitBytes(for: FirstBytes.wait)
    pointee.firstBytes.note(haveCome: haveCome)
    return haveCome
  }
}
