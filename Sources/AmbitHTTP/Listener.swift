internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CLinux
internal import Glibc

/// A listening socket's registration with one loop. All loops of a server watch the same socket, so a connection waits
/// for a loop that turns, and not for a certain one.
///
/// The kernel wakes the first of the loops that sleep (EPOLLEXCLUSIVE, epoll_ctl(2)). A loop that has other work in the
/// same turn wakes another one too, and accepts after that work: the handler of another connection may block it, and with
/// it each connection that it has accepted. A loop that has more than its share of a burst leaves the rest to others. See
/// Accepting.md.
struct Listener {
  enum State {
    case watching
    /// Others accept; the loop comes back when one of them wakes it, or after five milliseconds.
    case givingWay
    /// The process has run out of descriptors or memory.
    case resting
  }

  /// First, so that events find the record.
  var watch: IOWatch
  /// For the socket's `relay`.
  var relayWatch: IOWatch
  let descriptor: Int32
  let relay: Int32
  let server: ServerPointer
  var state = State.watching
  /// A connection that was accepted and has a descriptor which is kept for the host: it waits for another; -1 if none.
  var waiting: Int32 = -1
  /// Ends a rest, or the time in which others accept.
  var restTimer: Timer
  /// Accepts in the present turn, after the events.
  var lateTimer: Timer
  /// Of lines about connections that cannot be accepted.
  var logLimit = LogRateLimit()
  /// The turn in which the loop last woke another one.
  var relayedInTurn: UInt64 = 0
  /// Connections accepted since the loop stepped behind the others.
  var acceptedInFront = 0
  /// What all loops had accepted when this one last gave way.
  var acceptedByAll = 0
  /// Until then the loop gives way to nobody, since nobody came when it did.
  var keepsUntil: Int64 = 0
}

typealias ListenerPointer = UnsafeMutablePointer<Listener>

extension UnsafeMutablePointer<Listener> {
  /// A loop accepts at most so many connections in a turn: the others get their share of a burst, and its own
  /// connections their turn.
  private static var mostPerTurn: Int { 4 }
  /// A loop steps behind the others when it has accepted so many connections in front of them.
  private static var mostInFront: Int { 16 }
  private static var rest: Int64 { 100_000_000 }
  /// How long others have for coming when the loop gives way, and how long it does not when none came: nanoseconds.
  private static var timeToCome: Int64 { 5_000_000 }
  private static var timeToKeep: Int64 { 100_000_000 }

  private var server: ServerPointer { pointee.server }
  private var loop: LoopPointer { server.pointee.loop }
  private var restTimer: TimerPointer { pointer(to: \.restTimer)! }
  private var lateTimer: TimerPointer { pointer(to: \.lateTimer)! }

  /// The listener whose field at that offset lies at that address.
  private static func of(_ field: UnsafeMutableRawPointer, at offset: Int?) -> ListenerPointer {
    (field - offset!).assumingMemoryBound(to: Listener.self)
  }

  /// Accepts connections on the server's loop from now on.
  func open(_ socket: ListeningSocket, on server: ServerPointer) throws(SystemError) {
    initialize(
      to: Listener(
        watch: IOWatch { watch, _ in watch.assumingMemoryBound(to: Listener.self).connectionsWait() },
        relayWatch: IOWatch { watch, _ in
          ListenerPointer.of(watch, at: MemoryLayout<Listener>.offset(of: \.relayWatch)).wasRelayed()
        },
        descriptor: socket.descriptor, relay: socket.relay, server: server,
        restTimer: Timer(at: restTimer) {
          ListenerPointer.of($0, at: MemoryLayout<Listener>.offset(of: \.restTimer)).timeIsOver()
        },
        lateTimer: Timer(at: lateTimer) {
          ListenerPointer.of($0, at: MemoryLayout<Listener>.offset(of: \.lateTimer)).acceptBatch()
        }))
    try watch()
  }

  /// Accepts no more connections. The descriptors stay the caller's.
  func stop() {
    loop.disarm(restTimer)
    loop.disarm(lateTimer)
    unwatch()
    if pointee.waiting >= 0 { clinux_close(pointee.waiting) }
    pointee.waiting = -1
  }

  private func watch() throws(SystemError) {
    try loop.watchShared(pointee.descriptor, pointer(to: \.watch)!, for: IOEvents.listener)
    if isShared { try loop.watchShared(pointee.relay, pointer(to: \.relayWatch)!, for: IOEvents.wakeup) }
    pointee.state = .watching
  }

  private func unwatch() {
    loop.unwatch(pointee.descriptor)
    if isShared { loop.unwatch(pointee.relay) }
  }

  private var isShared: Bool { tally.loopCount > 1 }

  private func connectionsWait() {
    if isShared, loop.hasMoreInTurn { leaveToOthers() } else { acceptBatch() }
  }

  /// Another loop leaves connections to this one.
  private func wasRelayed() {
    // A loop that is awake hears its own call.
    guard pointee.relayedInTurn &+ 1 != loop.pointee.turn else { return }
    if pointee.state == .givingWay { resume() }
    if pointee.state == .watching { connectionsWait() }
  }

  /// Wakes a loop that sleeps, if one does, and accepts what is left at the end of the turn's events.
  private func leaveToOthers() {
    guard !lateTimer.isArmed else { return }
    wakeAnother()
    loop.arm(lateTimer, at: loop.pointee.now)
  }

  /// One that sleeps, if one does; all that are awake hear it in their next turn.
  private func wakeAnother() {
    pointee.relayedInTurn = loop.pointee.turn
    var one: UInt64 = 1
    _ = write(pointee.relay, &one, 8)
  }

  private func acceptBatch() {
    guard pointee.state == .watching else { return }
    var count = 0
    while count < Self.mostPerTurn, acceptOne() { count += 1 }
    guard count > 0, isShared, pointee.state == .watching else { return }
    pointee.acceptedInFront += count
    if count == Self.mostPerTurn, hasTooMany {
      giveWay()
    } else if pointee.acceptedInFront >= Self.mostInFront || server.pointee.openCount > tally.average {
      stepBehindOthers()
    }
  }

  /// Serves the connection that has waited longest; false if there is none, or it cannot be had.
  private func acceptOne() -> Bool {
    guard !server.pointee.isDraining else { return false }
    let descriptor = Transport.accept(at: pointee.descriptor)
    guard descriptor >= 0 else { return acceptFailed(errno) }
    ClosedDescriptors.report()
    guard descriptor < tally.descriptorLimit else {
      keepWaiting(descriptor)
      return false
    }
    server.serve(descriptor)
    return true
  }

  private var tally: ConnectionTally { server.pointee.tally }

  private var hasTooMany: Bool {
    server.pointee.openCount > tally.average + tally.average / 8 + 1 && loop.pointee.now >= pointee.keepsUntil
  }

  /// The kernel asks loops in the order in which they began to watch.
  private func stepBehindOthers() {
    pointee.acceptedInFront = 0
    unwatch()
    resume()
  }

  /// Leaves what waits to the others until one of them has too many itself. The loop still hears their calls.
  private func giveWay() {
    pointee.state = .givingWay
    pointee.acceptedInFront = 0
    pointee.acceptedByAll = tally.acceptedCount
    loop.unwatch(pointee.descriptor)
    wakeAnother()
    loop.arm(restTimer, after: Self.timeToCome)
  }

  private func timeIsOver() {
    if pointee.state == .givingWay, pointee.acceptedByAll == tally.acceptedCount {
      pointee.keepsUntil = loop.pointee.now + Self.timeToKeep
    }
    if pointee.state == .resting, !serveWaiting() { return loop.arm(restTimer, after: Self.rest) }
    resume()
  }

  /// See accept(2): an error of the one connection that was to be accepted is nobody's matter. After any other the event
  /// would come again at once, as without descriptors or memory, or where a filter refuses the call: so the listener rests
  /// for a while. That may go on for hours, and need not fill the log. The host's own clients get a descriptor that was
  /// kept for them.
  /// - Returns: whether a connection was accepted all the same.
  private func acceptFailed(_ code: Int32) -> Bool {
    switch code {
    case EMFILE where tally.isHosts && DescriptorReserve.shared.releaseOne(): return acceptOne()
    case EAGAIN, EINTR, ECONNABORTED, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ETIMEDOUT, ENETDOWN, ENETUNREACH, EHOSTDOWN,
      EHOSTUNREACH, ENONET:
      break
    default:
      if mayLog { HTTPLog.cannotAccept(code) }
      rest()
    }
    return false
  }

  /// One connection at most has such a descriptor on each loop; the others wait in the kernel's queue.
  private func keepWaiting(_ descriptor: Int32) {
    pointee.waiting = descriptor
    if mayLog { HTTPLog.keepsDescriptors(from: tally.descriptorLimit) }
    rest()
  }

  /// Serves the connection that waits for a descriptor, if there is one now, or there is no such connection; false if
  /// clients are to wait on.
  private func serveWaiting() -> Bool {
    if !tally.isHosts, DescriptorReserve.shared.isLent { return false }
    guard pointee.waiting >= 0 else { return true }
    let descriptor = clinux_duplicate(pointee.waiting)
    guard descriptor < tally.descriptorLimit else {
      clinux_close(descriptor)
      return false
    }
    guard descriptor >= 0 else { return false }
    clinux_close(pointee.waiting)
    pointee.waiting = -1
    server.serve(descriptor)
    return true
  }

  private var mayLog: Bool { pointee.logLimit.permits(at: loop.pointee.now) }

  private func rest() {
    unwatch()
    pointee.state = .resting
    loop.arm(restTimer, after: Self.rest)
  }

  /// Watches again. What the system refuses now, for want of memory or since a user may not watch more descriptors, it is
  /// asked for again after a rest: the loop would accept nothing any more.
  private func resume() {
    loop.disarm(restTimer)
    if pointee.state == .givingWay { loop.unwatch(pointee.relay) }
    do throws(SystemError) {
      try watch()
    } catch {
      if mayLog { HTTPLog.cannotWatch(error) }
      rest()
    }
  }
}
