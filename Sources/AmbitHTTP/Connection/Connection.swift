internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem

/// One client connection: transport, timer, phase, and the protocol that is spoken on it.
///
/// An idle connection is only a record and an epoll registration. An active one also has a fiber for its job.
struct Connection {
  /// First, so that events find the record.
  var watch: IOWatch
  /// In the server's list of open or of free connections, or in a queue of disconnects.
  var sibling: Link
  /// The connection's work: it runs once for the bytes that have arrived, until there is nothing more to read.
  var job: Job
  let server: ServerPointer
  /// The options of its listener, which live as long as the process. Their limits may change at a reload.
  let options: UnsafePointer<ListenerOptions>
  var phase = Phase.idle
  var transport: Transport
  /// State of the protocol. HTTP/1 is the only one so far. The state of another protocol will stand beside it, and
  /// `spoken` says which of them is valid.
  var http1 = HTTP1State()
  let spoken = SpokenProtocol.http1

  /// Fires no later than the present phase may last; see `setPhaseDue`.
  var timer: Timer
  var timerDue: Int64 = .max
  /// When the phase must be over, monotonic nanoseconds.
  var phaseDue: Int64 = .max
  /// The turn in which the connection was closed: an event of that turn may still name it.
  var closedInTurn: UInt64 = 0

  enum Phase {
    /// Nothing to do until the client sends something. No stack.
    case idle
    /// Its job runs or waits.
    case active
    /// The last response is out. Bytes that the client still sends are dropped until it closes. No stack.
    case lingeringClose
    case closed
  }

  /// The protocols that a connection can speak.
  enum SpokenProtocol {
    case http1
  }
}

typealias ConnectionPointer = UnsafeMutablePointer<Connection>

extension UnsafeMutablePointer<Connection> {
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var job: JobPointer { pointer(to: \.job)! }
  @inline(__always) var timer: TimerPointer { pointer(to: \.timer)! }
  @inline(__always) var transport: TransportPointer { pointer(to: \.transport)! }
  @inline(__always) var loop: LoopPointer { pointee.server.pointee.loop }
  /// The connection as one that speaks HTTP/1.
  @inline(__always) var http1: HTTP1Connection { HTTP1Connection(connection: self) }

  @inline(__always)
  static func of(sibling link: LinkPointer) -> ConnectionPointer {
    link.record(Connection.self, at: MemoryLayout<Connection>.offset(of: \.sibling)!)
  }

  /// The connection whose field `timer` lies at that address.
  static func of(timer: UnsafeMutableRawPointer) -> ConnectionPointer {
    timer.assumingMemoryBound(to: Timer.self).record(
      Connection.self, at: MemoryLayout<Connection>.offset(of: \.timer)!)
  }

  @inline(__always)
  static func of(job: UnsafeMutableRawPointer) -> ConnectionPointer {
    (job - MemoryLayout<Connection>.offset(of: \.job)!).assumingMemoryBound(to: Connection.self)
  }

  /// Begins to serve a connection that was accepted: makes its record, and registers it with the loop.
  func open(
    _ socket: AcceptedSocket, _ options: UnsafePointer<ListenerOptions>, on server: ServerPointer
  ) throws(SystemError) {
    let loop = server.pointee.loop
    initialize(
      to: Connection(
        watch: IOWatch(onEvents: connectionEvents), sibling: Link(alone: siblingLink),
        job: Job(at: job, loop: loop, scope: loop.pointee.root, kind: server.connectionJob),
        server: server, options: options,
        transport: Transport(
          socket, buffers: server.buffers, writeTimeout: options.pointer(to: \.limits.idleTimeout)!),
        timer: Timer(at: timer, fire: connectionTimerFired)))
    server.openLink.append(siblingLink)
    setPhaseDue(after: options.pointee.limits.idleTimeout)
    try loop.watch(socket.descriptor, pointer(to: \.watch)!, for: IOEvents.connection)
  }
}

/// Handles the events that epoll reports for a connection.
private let connectionEvents: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void = { watch, events in
  let connection = watch.assumingMemoryBound(to: Connection.self)
  guard connection.pointee.phase != .closed else { return }
  connection.transport.note(events, allowsHalfClose: connection.allowsHalfClose)
  guard !connection.transport.hasEnded else { return connection.pointee.server.handleDisconnect(of: connection) }
  connection.handleReadiness()
}

extension UnsafeMutablePointer<Connection> {
  @inline(__always) fileprivate var allowsHalfClose: Bool { pointee.server.pointee.options.allowsHalfClose }

  /// Acts on a change of the transport's readiness.
  @inline(__always)
  func handleReadiness() {
    switch pointee.phase {
    case .active: notifyExchange()
    case .idle: if pointee.transport.readiness.contains(.readable) { startServeLoop() }
    case .lingeringClose: discardInput()
    case .closed: break
    }
  }

  /// Cancels an exchange whose client has left while its handler computes, so that the loop takes no events.
  func lookForDisconnect(of exchange: ExchangePointer) {
    guard !exchange.pointee.policy.finishesOnDisconnect else { return }
    transport.pollHangup(allowsHalfClose: allowsHalfClose)
    if pointee.transport.readiness.contains(.peerGone) { exchange.clientHasLeft() }
  }

  /// Tells the exchange that its client has left, and the jobs that wait that bytes have come or that there is room.
  fileprivate func notifyExchange() {
    let readiness = pointee.transport.readiness
    if readiness.contains(.peerGone) { pointee.http1.exchange?.clientHasLeft() }
    if readiness.contains(.readable) { transport.notifyReader() }
    if readiness.contains(.writable) || readiness.contains(.writeFailed) { transport.notifyWriter() }
  }

  /// Serves the bytes that the client of a new connection has sent already. The loop would find them in its next turn,
  /// but another handler might run first and take long.
  func serveFirstBytes() {
    pointee.transport.readiness.insert(.writable)
    guard pointee.server.mayHaveFirstBytes(on: transport) else { return }
    pointee.transport.readiness.insert(.readable)
    startServeLoop()
  }

  /// Gives the connection a fiber, which serves the bytes that have arrived and ends when none are left.
  @inline(__always)
  func startServeLoop() {
    pointee.phase = .active
    if !job.startNow() { closeWithoutStack() }
  }

  /// Out of line, so that its code is not on the path of other requests.
  @inline(never)
  private func closeWithoutStack() {
    pointee.server.cannotServe(self, SystemError(operation: "no memory for a stack"))
  }

  /// Waits without a stack for the client's next bytes.
  func becomeIdle() {
    pointee.phase = .idle
    if pointee.http1.exchange == nil {
      transport.releaseInput()
      if pointee.server.pointee.isDraining { return becomeIdleInDrain() }
      setPhaseDue(after: pointee.options.pointee.limits.idleTimeout)
    }
    armTimer()
  }
}

// What the connection's job runs: the serve loop of the protocol.

/// Runs on the fiber.
let serveLoop: JobBody = { job in
  let connection = ConnectionPointer.of(job: job)
  switch connection.pointee.spoken {
  case .http1: connection.http1.serve()
  }
}

/// The fiber has ended: the connection waits for its client, lingers, or is closed.
let serveLoopEnded: JobBody = { job in
  let connection = ConnectionPointer.of(job: job)
  switch connection.pointee.phase {
  case .active: connection.becomeIdle()
  case .idle, .lingeringClose, .closed: break
  }
}

/// The connection's job is about to wait. Sends the pending bytes, and ends the exchange if its client has left,
/// because no further event reports that.
let flushBeforeSuspend: JobBody = { job in
  let connection = ConnectionPointer.of(job: job)
  if connection.pointee.transport.outputWaiter == nil { connection.transport.flushWithoutWaiting() }
  if connection.pointee.transport.readiness.contains(.peerGone) { connection.pointee.http1.exchange?.clientHasLeft() }
}

// One timer serves all of a connection's timeouts. It is not moved with each request: if it fires too early for the
// phase of that moment, it is armed again for the rest.

/// The connection's timer has fired.
let connectionTimerFired: TimerFunction = { timer in
  let connection = ConnectionPointer.of(timer: timer)
  if connection.pointee.phaseDue <= connection.loop.pointee.now {
    connection.phaseTookTooLong()
  } else {
    connection.pointee.timerDue = .max
    connection.armTimer()
    if connection.pointee.phase == .lingeringClose { connection.discardInput() }
  }
}

extension UnsafeMutablePointer<Connection> {
  /// Limits the present phase to `timeout` nanoseconds, counted from this turn; `Int64.max`: no limit.
  @inline(__always)
  func setPhaseDue(after timeout: Int64) {
    let (time, overflow) = loop.pointee.now.addingReportingOverflow(timeout)
    pointee.phaseDue = overflow ? .max : time
  }

  /// Lifts the limit while a handler is at work: its exchange has a deadline of its own.
  @inline(__always)
  func phaseHasNoEnd() { pointee.phaseDue = .max }

  /// Arms the timer so that it fires no later than the phase is due.
  @inline(__always)
  func armTimer() {
    guard pointee.phaseDue < (timer.isArmed ? pointee.timerDue : .max) else { return }
    pointee.timerDue = pointee.phaseDue
    loop.arm(timer, at: pointee.phaseDue)
  }

  fileprivate func phaseTookTooLong() {
    switch pointee.phase {
    case .idle: http1.headTimedOut()
    case .lingeringClose: close()
    case .active, .closed: break
    }
  }
}
