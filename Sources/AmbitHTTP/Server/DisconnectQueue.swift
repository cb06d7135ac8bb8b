internal import AmbitRuntime

// One client that leaves is little work. Thousands that leave at once would hold up all others: the kernel reports
// their events ahead of the bytes of other clients. So a turn of the loop ends at most 64 exchanges of such clients and
// queues the rest; when no exchange is left in the queue, it closes a few of their connections per turn.

extension UnsafeMutablePointer<Server> {
  @inline(__always) var pendingDisconnectsLink: LinkPointer { pointer(to: \.pendingDisconnects)! }
  @inline(__always) var pendingClosesLink: LinkPointer { pointer(to: \.pendingCloses)! }
  private var disconnectTimer: TimerPointer { pointer(to: \.disconnectTimer)! }

  /// How many exchanges end in one turn because their clients have left: some two hundred microseconds of work.
  private static var disconnectsPerTurn: Int { 64 }
  /// How many connections are closed in a turn if something else is ready to run, and if nothing is. The kernel takes
  /// some tens of microseconds for each.
  private static var closesPerBusyTurn: Int { 8 }
  private static var closesPerIdleTurn: Int { 32 }

  /// The server whose field `disconnectTimer` lies at that address.
  private static func of(disconnectTimer timer: UnsafeMutableRawPointer) -> ServerPointer {
    timer.assumingMemoryBound(to: Timer.self).record(
      Server.self, at: MemoryLayout<Server>.offset(of: \.disconnectTimer)!)
  }

  func makeDisconnectTimer() -> Timer {
    Timer(at: disconnectTimer) { ServerPointer.of(disconnectTimer: $0).processDisconnects() }
  }

  /// Ends the exchange of a connection whose client has left: now, or in a later turn if this turn has ended its share.
  func handleDisconnect(of connection: ConnectionPointer) {
    guard !pendingDisconnectsLink.isAlone || !countDisconnect() else { return connection.handleReadiness() }
    putLast(connection, pendingDisconnectsLink)
  }

  /// Closes a connection whose client has left in one of the next turns.
  func closeLater(_ connection: ConnectionPointer) { putLast(connection, pendingClosesLink) }

  private func putLast(_ connection: ConnectionPointer, _ list: LinkPointer) {
    connection.siblingLink.remove()
    list.append(connection.siblingLink)
    if !disconnectTimer.isArmed { armDisconnectTimer() }
  }

  /// In the next turn.
  private func armDisconnectTimer() { pointee.loop.arm(disconnectTimer, at: pointee.loop.pointee.now) }

  /// False if this turn has used up its share.
  private func countDisconnect() -> Bool {
    if pointee.disconnectTurn != pointee.loop.pointee.turn {
      pointee.disconnectTurn = pointee.loop.pointee.turn
      pointee.disconnectCount = 0
    }
    guard pointee.disconnectCount < Self.disconnectsPerTurn else { return false }
    pointee.disconnectCount += 1
    return true
  }

  private func processDisconnects() {
    cancelExchanges()
    if pendingDisconnectsLink.isAlone { closePending() }
    if !pendingDisconnectsLink.isAlone || !pendingClosesLink.isAlone { armDisconnectTimer() }
  }

  private func cancelExchanges() {
    while !pendingDisconnectsLink.isAlone, countDisconnect() {
      reopen(pendingDisconnectsLink.popFirst()!).handleReadiness()
    }
  }

  private func closePending() {
    let share = pointee.loop.hasReadyItems ? Self.closesPerBusyTurn : Self.closesPerIdleTurn
    for _ in 0..<share {
      guard let link = pendingClosesLink.popFirst() else { return }
      reopen(link).finishPendingClose()
    }
  }

  /// The connection of a node that was taken out of either queue; puts it back into the list of open connections.
  private func reopen(_ link: LinkPointer) -> ConnectionPointer {
    openLink.append(link)
    return ConnectionPointer.of(sibling: link)
  }
}
