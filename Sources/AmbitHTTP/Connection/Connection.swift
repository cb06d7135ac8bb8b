internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CLinux

/// One client connection: a record and an epoll registration while there is nothing to do, a fiber besides while there
/// is.
struct Connection {
  /// First, so that events find the record.
  var watch: IOWatch
  /// In the server's list of open or of free connections.
  var sibling: Link
  /// The connection's work: one run of it per burst of requests.
  var job: Job
  let server: ServerPointer
  /// -1 once closed.
  var descriptor: Int32 = -1
  var flags: Flags = []
  var phase: Phase = .idle

  /// Received and not yet used: `input[inputStart ..< inputEnd]`.
  var input: BufferPointer?
  var inputStart = 0
  var inputEnd = 0
  /// To be sent: `output[outputStart ..< outputEnd]`.
  var output: BufferPointer?
  var outputStart = 0
  var outputEnd = 0

  /// The request whose head is being read or whose handler is at work.
  var exchange: ExchangePointer?
  /// The job that waits for bytes from the client.
  var inputWaiter: JobPointer?
  /// The job that waits for room towards the client.
  var outputWaiter: JobPointer?

  /// Fires no later than the present phase may last; see `Connection+Timeout.swift`.
  var timer: Timer
  var timerDue: Int64 = .max
  /// When the phase must be over, monotonic nanoseconds.
  var phaseDue: Int64 = .max
  /// The turn in which the connection was closed: an event of that turn may still name it.
  var closedInTurn: UInt64 = 0

  struct Flags: OptionSet {
    let rawValue: UInt8
    /// The kernel may have bytes, or the end, to read.
    static var readable: Flags { Flags(rawValue: 1) }
    /// The kernel may take bytes.
    static var writable: Flags { Flags(rawValue: 2) }
    /// The client has closed its side and counts as gone.
    static var peerGone: Flags { Flags(rawValue: 4) }
    /// Nothing can be sent any more.
    static var writeFailed: Flags { Flags(rawValue: 8) }
    /// To be closed after what is in `output`.
    static var closeAfterResponse: Flags { Flags(rawValue: 16) }
    /// The client sends no more: behind what it has sent is the end.
    static var readEOF: Flags { Flags(rawValue: 32) }
    /// The client has said that this request is its last (RFC 9112, section 9.6), and all of it has been read.
    static var peerSentClose: Flags { Flags(rawValue: 64) }
  }

  enum Phase {
    /// Nothing to do until the client sends something. No stack.
    case idle
    /// Its job runs or waits.
    case active
    /// The last response is out; what the client still sends is dropped until it closes. No stack.
    case lingeringClose
    case closed
  }
}

typealias ConnectionPointer = UnsafeMutablePointer<Connection>

extension UnsafeMutablePointer<Connection> {
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var job: JobPointer { pointer(to: \.job)! }
  @inline(__always) var timer: TimerPointer { pointer(to: \.timer)! }
  @inline(__always) var loop: LoopPointer { pointee.server.pointee.loop }
  @inline(__always) var buffers: UnsafeMutablePointer<BufferPool> { pointee.server.pointer(to: \.buffers)! }

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

  /// Begins to serve a connection that was accepted: its record, and its registration with the loop.
  func open(descriptor: Int32, on server: ServerPointer) throws(SystemError) {
    let loop = server.pointee.loop
    initialize(
      to: Connection(
        watch: IOWatch(onEvents: connectionEvents), sibling: Link(alone: siblingLink),
        job: Job(at: job, loop: loop, scope: loop.pointee.root, kind: server.connectionJob),
        server: server, descriptor: descriptor, timer: Timer(at: timer, fire: connectionTimerFired)))
    clinux_set_use(descriptor, CLINUX_CONNECTION)
    server.openLink.append(siblingLink)
    setPhaseDue(after: server.pointee.limits.idleTimeout)
    try loop.watch(descriptor, pointer(to: \.watch)!, for: IOEvents.connection)
  }
}

/// Takes what epoll reports for a connection.
private let connectionEvents: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void = { watch, events in
  let connection = watch.assumingMemoryBound(to: Connection.self)
  guard connection.pointee.phase != .closed else { return }
  connection.note(events)
  guard !connection.pointee.flags.contains(.readEOF), !connection.pointee.flags.contains(.writeFailed) else {
    return connection.pointee.server.handleDisconnect(of: connection)
  }
  connection.attend()
}

extension UnsafeMutablePointer<Connection> {
  /// Does what is to be done now that its flags have changed.
  @inline(__always)
  func attend() {
    switch pointee.phase {
    case .active: tellWaiters()
    case .idle: if pointee.flags.contains(.readable) { startServeLoop() }
    case .lingeringClose: dropInput()
    case .closed: break
    }
  }

  /// Whether the client has left, for a handler that computes: its loop does not turn, and so takes no events. These
  /// come again when it does.
  func lookForDisconnect(of exchange: ExchangePointer) {
    guard !exchange.pointee.policy.finishesOnDisconnect else { return }
    note(clinux_hangup_events(pointee.descriptor))
    if pointee.flags.contains(.peerGone) { exchange.clientLeft() }
  }

  @inline(__always)
  fileprivate func note(_ events: UInt32) {
    if events & (IOEvents.readable | IOEvents.hangup) != 0 { pointee.flags.insert(.readable) }
    if events & IOEvents.writable != 0 { pointee.flags.insert(.writable) }
    let leaving = pointee.server.pointee.options.allowsHalfClose ? IOEvents.broken : IOEvents.hangup
    if events & leaving != 0 { pointee.flags.insert(.peerGone) }
    if events & IOEvents.hangup != 0 { pointee.flags.insert(.readEOF) }
    if events & IOEvents.broken != 0 { pointee.flags.insert(.writeFailed) }
  }

  /// Tells the jobs that wait for the client, and the request if the client has left.
  fileprivate func tellWaiters() {
    if pointee.flags.contains(.peerGone) { pointee.exchange?.clientLeft() }
    if pointee.flags.contains(.readable) { pointee.inputWaiter?.wake(.ok) }
    guard !pointee.flags.isDisjoint(with: [.writable, .writeFailed]) else { return }
    if let waiter = pointee.outputWaiter { waiter.wake(.ok) } else { flushWithoutWaiting() }
  }

  /// Serves what a new connection's client has sent already: the loop would find it in its next turn, but another
  /// handler might come first and take long.
  func serveFirstBytes() {
    pointee.flags.insert(.writable)
    guard pointee.server.mayHaveFirstBytes(of: pointee.descriptor) else { return }
    pointee.flags.insert(.readable)
    startServeLoop()
  }

  /// Gives the connection a fiber, which serves what has arrived and ends when there is nothing more to do.
  @inline(__always)
  func startServeLoop() {
    pointee.phase = .active
    if !job.startNow() { closeForWantOfStack() }
  }

  /// Out of line, so that nothing of it lies in the way of other requests.
  @inline(never)
  private func closeForWantOfStack() {
    pointee.server.cannotServe(self, SystemError(operation: "there is no stack for it"))
  }
}
