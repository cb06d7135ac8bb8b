internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CLinux
internal import Glibc

/// A listening socket's registration with one loop. All loops of a host, in all its processes, watch the same socket, so
/// that any loop that is not blocked can accept a connection.
///
/// The kernel wakes the first of the loops that sleep (EPOLLEXCLUSIVE, epoll_ctl(2)). A loop that has other work in the
/// same turn wakes another loop too and accepts after that work, because a handler that blocks the loop blocks every
/// connection that the loop has accepted. A loop that has more than its share of a burst leaves the rest to other
/// loops. See Accepting.md.
struct Listener {
  enum State {
    case watching
    /// Other loops accept. This one resumes when one of them wakes it, or after five milliseconds.
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
  /// The options of its connections, which outlive it. Never freed: a server has few listeners.
  let options: UnsafePointer<ListenerOptions>
  var state = State.watching
  /// A connection that was accepted with a descriptor that is kept for the host. It waits for another descriptor.
  var waiting: AcceptedSocket?
  /// Ends a rest, or the time in which others accept.
  var restTimer: Timer
  /// Accepts in this turn, after its events.
  var lateTimer: Timer
  /// Limits log lines about connections that cannot be accepted.
  var logLimit = LogRateLimit()
  /// The turn in which the loop last woke another one.
  var relayedInTurn: UInt64 = 0
  /// Connections accepted since the loop stepped behind the others.
  var acceptedInFront = 0
  /// How many connections all loops had accepted when this one last gave way.
  var acceptedByAll = 0
  /// Until this time the loop does not give way, since no other loop accepted when it did: monotonic nanoseconds.
  var keepsUntil: Int64 = 0
}

typealias ListenerPointer = UnsafeMutablePointer<Listener>

extension UnsafeMutablePointer<Listener> {
  /// The most connections that a loop accepts in a turn, so that other loops get their share of a burst and its own
  /// connections are served.
  private static var mostPerTurn: Int { 4 }
  /// A loop steps behind the others after it has accepted this many connections in front of them.
  private static var mostInFront: Int { 16 }
  private static var rest: Int64 { 100_000_000 }
  /// How long the loop gives way to others, and how long it does not after none of them accepted: nanoseconds.
  private static var timeToCome: Int64 { 5_000_000 }
  private static var timeToKeep: Int64 { 100_000_000 }

  /// The most connections that `acceptRest` accepts: the queue of a socket has room for as many.
  private static var mostAtLast: Int { 4096 }

  private var server: ServerPointer { pointee.server }
  private var loop: LoopPointer { server.pointee.loop }
  private var restTimer: TimerPointer { pointer(to: \.restTimer)! }
  private var lateTimer: TimerPointer { pointer(to: \.lateTimer)! }

  /// The listener whose field at that offset lies at that address.
  private static func of(_ field: UnsafeMutableRawPointer, at offset: Int?) -> ListenerPointer {
    (field - offset!).assumingMemoryBound(to: Listener.self)
  }

  /// Accepts connections on the server's loop from now on.
  func open(
    _ socket: ListeningSocket, _ options: UnsafePointer<ListenerOptions>, on server: ServerPointer
  ) throws(SystemError) {
    server.makeRoom(for: options.pointee.limits.head)
    initialize(
      to: Listener(
        watch: IOWatch { watch, _ in watch.assumingMemoryBound(to: Listener.self).connectionsWait() },
        relayWatch: IOWatch { watch, _ in
          ListenerPointer.of(watch, at: MemoryLayout<Listener>.offset(of: \.relayWatch)).wasRelayed()
        },
        descriptor: socket.descriptor, relay: socket.relay, server: server, options: options,
        restTimer: Timer(at: restTimer) {
          ListenerPointer.of($0, at: MemoryLayout<Listener>.offset(of: \.restTimer)).timeIsOver()
        },
        lateTimer: Timer(at: lateTimer) {
          ListenerPointer.of($0, at: MemoryLayout<Listener>.offset(of: \.lateTimer)).acceptBatch()
        }))
    try watch()
  }

  /// Accepts no more connections. The caller keeps the descriptors.
  func stop() {
    loop.disarm(restTimer)
    loop.disarm(lateTimer)
    unwatch()
    pointee.waiting?.close()
    pointee.waiting = nil
  }

  /// Serves the clients that have connected by now. After `stop`: the kernel wakes other loops for later clients.
  func acceptRest() {
    var count = 0
    while count < Self.mostAtLast, acceptOne() { count += 1 }
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

  private var isShared: Bool { connections.isShared }

  private func connectionsWait() {
    if isShared, loop.hasMoreInTurn { leaveToOthers() } else { acceptBatch() }
  }

  /// Another loop has woken this one to accept.
  private func wasRelayed() {
    // A loop that is awake gets its own wake-up.
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

  /// Wakes a loop that sleeps, if one does. Loops that are awake see the event in their next turn.
  private func wakeAnother() {
    pointee.relayedInTurn = loop.pointee.turn
    var one: UInt64 = 1
    if write(pointee.relay, &one, 8) < 0, errno == EBADF { endIfLost(pointee.relay) }
  }

  private func acceptBatch() {
    guard pointee.state == .watching else { return }
    var count = 0
    while count < Self.mostPerTurn, acceptOne() { count += 1 }
    guard count > 0, isShared, pointee.state == .watching else { return }
    pointee.acceptedInFront += count
    if count == Self.mostPerTurn, hasTooMany {
      giveWay()
    } else if pointee.acceptedInFront >= Self.mostInFront || server.pointee.openCount > connections.average {
      stepBehindOthers()
    }
  }

  /// Accepts and serves the connection that has waited longest; false if there is none, or accepting it failed.
  private func acceptOne() -> Bool {
    guard !server.pointee.isDraining else { return false }
    guard let socket = AcceptedSocket(from: pointee.descriptor) else { return acceptFailed(errno) }
    ClosedDescriptors.report()
    guard socket.descriptor < connections.descriptorLimit else {
      keepWaiting(socket)
      return false
    }
    server.serve(socket, pointee.options)
    return true
  }

  private var connections: ConnectionCounts { server.pointee.connections }

  private var hasTooMany: Bool {
    server.pointee.openCount > connections.average + connections.average / 8 + 1
      && loop.pointee.now >= pointee.keepsUntil
  }

  /// Watches the socket anew, to be woken last: the kernel wakes loops in the order in which they began to watch.
  private func stepBehindOthers() {
    pointee.acceptedInFront = 0
    unwatch()
    resume()
  }

  /// Leaves waiting connections to the other loops until one of them has too many and wakes this one.
  private func giveWay() {
    pointee.state = .givingWay
    pointee.acceptedInFront = 0
    pointee.acceptedByAll = connections.acceptedCount
    loop.unwatch(pointee.descriptor)
    wakeAnother()
    loop.arm(restTimer, after: Self.timeToCome)
  }

  private func timeIsOver() {
    if pointee.state == .givingWay, pointee.acceptedByAll == connections.acceptedCount {
      pointee.keepsUntil = loop.pointee.now + Self.timeToKeep
    }
    if pointee.state == .resting, !serveWaiting() || lacksDescriptors { return loop.arm(restTimer, after: Self.rest) }
    resume()
  }

  /// Handles an error of accept(2). An error of the connection itself is ignored. After any other error, such as no
  /// descriptor, no memory, or a filter that refuses the call, the event would come again at once, so the listener
  /// rests for a while. The host's own clients get a descriptor that was reserved for them.
  /// - Returns: whether a connection was accepted all the same.
  private func acceptFailed(_ code: Int32) -> Bool {
    switch code {
    case EMFILE where connections.isHosts && DescriptorReserve.shared.releaseOne(): return acceptOne()
    case EAGAIN, EINTR, ECONNABORTED, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ETIMEDOUT, ENETDOWN, ENETUNREACH, EHOSTDOWN,
      EHOSTUNREACH, ENONET:
      break
    default:
      if code == EBADF || code == ENOTSOCK { endIfLost(pointee.descriptor) }
      // A worker that drains has closed the socket itself if it is none; this loop was too busy to learn of it.
      if code != ENOTSOCK, mayLog { HTTPLog.cannotAccept(code) }
      rest()
    }
    return false
  }

  /// Ends the process if code of a plugin has closed one of the listener's descriptors. The loop stays registered with
  /// the socket, for other processes have it open: the kernel would wake this loop for connections that it cannot accept.
  private func endIfLost(_ descriptor: Int32) {
    if clinux_is_vital(descriptor) { ClosedDescriptors.endHost(forLossOf: descriptor) }
  }

  private func isSocket(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Keeps a connection whose descriptor is reserved for the host: one on each loop; others wait in the kernel's queue.
  private func keepWaiting(_ socket: AcceptedSocket) {
    pointee.waiting = socket
    if mayLog { HTTPLog.keepsDescriptors(from: connections.descriptorLimit) }
    rest()
  }

  /// Serves the connection that waits for a descriptor, if there is such a connection. False if there is still no
  /// descriptor for it.
  private func serveWaiting() -> Bool {
    if !connections.isHosts, DescriptorReserve.shared.isLent { return false }
    guard let waiting = pointee.waiting else { return true }
    guard let socket = waiting.duplicated() else { return false }
    guard socket.descriptor < connections.descriptorLimit else {
      socket.close()
      return false
    }
    waiting.close()
    pointee.waiting = nil
    server.serve(socket, pointee.options)
    return true
  }

  /// Whether the process has no descriptor for a connection. While it watches the socket, the kernel wakes it for
  /// connections that other processes could accept.
  private var lacksDescriptors: Bool {
    guard isShared, !connections.isHosts else { return false }
    let probe = fcntl(pointee.descriptor, F_DUPFD_CLOEXEC, 3)
    guard probe >= 0 else { return errno == EMFILE || errno == ENFILE }
    _ = Glibc.close(probe)
    return probe >= connections.descriptorLimit
  }

  private var mayLog: Bool { pointee.logLimit.permits(at: loop.pointee.now) }

  /// Accepts nothing for a while. The connection that this loop was woken for is left to another one.
  private func rest() {
    unwatch()
    if isShared { wakeAnother() }
    pointee.state = .resting
    loop.arm(restTimer, after: Self.rest)
  }

  /// Watches again. If the system refuses, for lack of memory or because of a limit of the user, the listener tries
  /// again after a rest.
  private func resume() {
    loop.disarm(restTimer)
    if pointee.state == .givingWay { loop.unwatch(pointee.relay) }
    do throws(SystemError) {
      try watch()
    } catch {
      // EPERM: another file has the number.
      if [EBADF, EPERM].contains(error.code) {
        endIfLost(isSocket(pointee.descriptor) ? pointee.relay : pointee.descriptor)
      }
      if mayLog { HTTPLog.cannotWatch(error) }
      rest()
    }
  }
}
