internal import AmbitRuntime

// Clients that leave. One is little work, thousands at once are much: first their events, which stand in the kernel's
// queue before what other clients send; then their requests, which end; last, when all of these have been told, their
// connections, which are closed. Of each there is a share in a turn, and others are served in between.

extension UnsafeMutablePointer<Server> {
  @inline(__always) var leavingLink: LinkPointer { pointer(to: \.leaving)! }
  @inline(__always) var departedLink: LinkPointer { pointer(to: \.departed)! }
  private var departureTimer: TimerPointer { pointer(to: \.departureTimer)! }

  /// So many connections learn in a turn that their client has left: their requests end, within some two
  /// hundred microseconds.
  private static var tellingsPerTurn: Int { 64 }
  /// So many connections are closed in a turn, some tens of microseconds of the kernel's work each, while something else
  /// waits for its turn; and so many while nothing does.
  private static var shareOfBusyTurn: Int { 8 }
  private static var shareOfIdleTurn: Int { 32 }

  /// The server whose field `departureTimer` lies at that address.
  private static func of(departureTimer timer: UnsafeMutableRawPointer) -> ServerPointer {
    timer.assumingMemoryBound(to: Timer.self).record(
      Server.self, at: MemoryLayout<Server>.offset(of: \.departureTimer)!)
  }

  func makeDepartureTimer() -> Timer {
    Timer(at: departureTimer) { ServerPointer.of(departureTimer: $0).departuresDue() }
  }

  /// Tells a connection that its client has left: now, or in a later turn if many have and wait for that.
  func attendToDeparture(of connection: ConnectionPointer) {
    guard !leavingLink.isAlone || !countTelling() else { return connection.attend() }
    putLast(connection, leavingLink)
  }

  /// Closes a connection that its client has left, in one of the next turns: after what others wait for.
  func closeLater(_ connection: ConnectionPointer) { putLast(connection, departedLink) }

  private func putLast(_ connection: ConnectionPointer, _ list: LinkPointer) {
    connection.siblingLink.remove()
    list.append(connection.siblingLink)
    if !departureTimer.isArmed { armDepartureTimer() }
  }

  /// In the next turn.
  private func armDepartureTimer() { pointee.loop.arm(departureTimer, at: pointee.loop.pointee.now) }

  /// False if so many have been told in this turn as may be.
  private func countTelling() -> Bool {
    if pointee.departureTurn != pointee.loop.pointee.turn {
      pointee.departureTurn = pointee.loop.pointee.turn
      pointee.departureCount = 0
    }
    guard pointee.departureCount < Self.tellingsPerTurn else { return false }
    pointee.departureCount += 1
    return true
  }

  private func departuresDue() {
    tellLeaving()
    if leavingLink.isAlone { closeDeparted() }
    if !leavingLink.isAlone || !departedLink.isAlone { armDepartureTimer() }
  }

  private func tellLeaving() {
    while !leavingLink.isAlone, countTelling() { reopen(leavingLink.popFirst()!).attend() }
  }

  private func closeDeparted() {
    let share = pointee.loop.hasReadyItems ? Self.shareOfBusyTurn : Self.shareOfIdleTurn
    for _ in 0..<share {
      guard let link = departedLink.popFirst() else { return }
      reopen(link).finishLeaving()
    }
  }

  /// The connection whose node was taken out of a list of departures; it is in the list of the open ones again.
  private func reopen(_ link: LinkPointer) -> ConnectionPointer {
    openLink.append(link)
    return ConnectionPointer.of(sibling: link)
  }
}
