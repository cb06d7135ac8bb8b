internal import AmbitRuntime

extension UnsafeMutablePointer<Server> {
  @inline(__always) var departedLink: LinkPointer { pointer(to: \.departed)! }
  private var departureTimer: TimerPointer { pointer(to: \.departureTimer)! }

  /// So many connections are closed in a turn, some tens of microseconds of the kernel's work each, while something else
  /// waits for its turn; and so many while nothing does.
  private static var shareOfBusyTurn: Int { 8 }
  private static var shareOfIdleTurn: Int { 32 }

  func makeDepartureTimer() -> Timer {
    Timer(at: departureTimer, owner: self) { $0.assumingMemoryBound(to: Server.self).closeDeparted() }
  }

  /// Closes a connection that its client has left, in one of the next turns: after what others wait for.
  func closeLater(_ connection: ConnectionPointer) {
    if departedLink.isAlone { pointee.loop.arm(departureTimer, at: pointee.loop.pointee.now) }
    connection.siblingLink.remove()
    departedLink.append(connection.siblingLink)
  }

  private func closeDeparted() {
    let share = pointee.loop.hasReadyItems ? Self.shareOfBusyTurn : Self.shareOfIdleTurn
    for _ in 0..<share {
      guard let link = departedLink.popFirst() else { return }
      openLink.append(link)
      ConnectionPointer.of(sibling: link).finishLeaving()
    }
    if !departedLink.isAlone { pointee.loop.arm(departureTimer, at: pointee.loop.pointee.now) }
  }
}
