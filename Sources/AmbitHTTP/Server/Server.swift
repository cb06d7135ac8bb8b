internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem

/// HTTP on one loop: its connections and their shared state.
struct Server {
  let loop: LoopPointer
  /// The largest limits of any listener so far. The pool's records have room for such heads.
  var headLimits: HeadLimits
  /// The options of listeners without options of their own. Only this loop reads and writes their limits. Never freed:
  /// connections refer to them while they are open, and nobody waits for their end.
  let listenerOptions: UnsafeMutablePointer<ListenerOptions>
  /// Shared with the servers of the other loops.
  fileprivate let sharedConnections: Unmanaged<ConnectionCounts>
  /// The kind of the jobs of connections.
  let connectionJob: JobKind
  var buffers: BufferPool
  /// Open connections.
  var open: Link
  var openCount = 0
  /// Open connections whose clients have left and whose exchanges do not know it yet; see DisconnectQueue.swift.
  var pendingDisconnects: Link
  /// How many exchanges were ended in the turn `disconnectTurn`.
  var disconnectCount = 0
  var disconnectTurn: UInt64 = 0
  /// Open connections whose clients have left and whose exchanges are over, the first that left first.
  var pendingCloses: Link
  /// Fires in the next turn while either queue has connections.
  var disconnectTimer: Timer
  var listeners: [ListenerPointer] = []
  var firstBytes = FirstBytes()
  /// Closed connections, the longest closed first.
  var free: Link
  var freeCount = 0
  var freeExchanges: ExchangePointer?
  var freeExchangeCount = 0
  /// The routes of new requests. Owned: one reference.
  var routes: Unmanaged<RouteSet>
  /// The routes of recently requested paths.
  var routeCache = RouteCache()
  /// The options of `routes`, here so that reading them needs no reference.
  var options = RoutingOptions()
  var responsePrefix = ResponsePrefix()
  /// Counts exchanges that have left their carriers.
  var counters = HTTPCounters()
  /// The server stops: each response closes its connection.
  var isDraining = false
  /// How long connections may be idle while the server drains, in nanoseconds.
  var idleTimeOfDrain: Int64 = 0
  /// Limits log lines about connections that cannot be served.
  var logLimit = LogRateLimit()
  /// Where paths are normalised; copied to the exchange's memory if the result differs from the path as sent.
  var path: UnsafeMutableRawBufferPointer
  let segments: UnsafeMutableBufferPointer<ByteRange>
  var clientErrorLog = ClientErrorLog()
  /// Limits log lines about bodies of responses whose status allows none.
  var droppedBodyLimit = LogRateLimit()
}

extension Server {
  @inline(__always) var connections: ConnectionCounts { sharedConnections.takeUnretainedValue() }
}

typealias ServerPointer = UnsafeMutablePointer<Server>

extension UnsafeMutablePointer<Server> {
  @inline(__always) var buffers: UnsafeMutablePointer<BufferPool> { pointer(to: \.buffers)! }
  @inline(__always) var openLink: LinkPointer { pointer(to: \.open)! }
  @inline(__always) var connectionJob: JobKindPointer { JobKindPointer(pointer(to: \.connectionJob)!) }
  @inline(__always) private var freeLink: LinkPointer { pointer(to: \.free)! }

  /// How many records of closed connections, and of exchanges, are kept for reuse. Each has one to three kilobytes.
  private static var keptRecords: Int { 1024 }

  /// The server of a loop.
  @inline(__always)
  static func on(_ loop: LoopPointer) -> ServerPointer {
    loop.pointee.server!.assumingMemoryBound(to: Server.self)
  }

  func initialize(loop: LoopPointer, routes: RouteSet, limits: HTTPLimits, connections: ConnectionCounts) {
    let options = UnsafeMutablePointer<ListenerOptions>.allocate(capacity: 1)
    options.initialize(to: ListenerOptions(limits: limits))
    initialize(
      to: Server(
        loop: loop, headLimits: HeadLimits(maxTarget: 0, maxHead: 0, maxFields: 0), listenerOptions: options,
        sharedConnections: .passRetained(connections),
        connectionJob: JobKind(
          handlersOn: loop, body: serveLoop, finish: serveLoopEnded, beforeSuspension: flushBeforeSuspend),
        buffers: BufferPool(of: loop),
        open: Link(alone: openLink), pendingDisconnects: Link(alone: pendingDisconnectsLink),
        pendingCloses: Link(alone: pendingClosesLink),
        disconnectTimer: makeDisconnectTimer(), free: Link(alone: freeLink),
        routes: .passRetained(routes),
        path: .allocate(byteCount: 1, alignment: 16),
        segments: .allocate(capacity: RoutePattern.maximumSegments)))
    pointee.segments.initialize(repeating: ByteRange())
    loop.pointee.server = UnsafeMutableRawPointer(self)
    loop.pointee.cancelIfAbandoned = { exchange in
      let exchange = exchange.assumingMemoryBound(to: Exchange.self)
      exchange.pointee.carrier?.connection.lookForDisconnect(of: exchange)
    }
  }

  /// Uses `routes` for requests that begin from now on.
  func replaceRoutes(by routes: RouteSet) {
    pointee.routes.release()
    pointee.routes = .passRetained(routes)
    pointee.routeCache = RouteCache()
    pointee.options = routes.options
  }

  /// The options of a listener of this loop, which are never freed; with nil those that follow the server's limits.
  func makeOptions(_ own: ListenerOptions?) -> UnsafePointer<ListenerOptions> {
    guard let own else { return UnsafePointer(pointee.listenerOptions) }
    let options = UnsafeMutablePointer<ListenerOptions>.allocate(capacity: 1)
    options.initialize(to: own)
    return UnsafePointer(options)
  }

  /// Uses `limits` for what begins from now on. A request whose head has begun keeps the limits of its head.
  func replaceLimits(by limits: HTTPLimits) {
    pointee.listenerOptions.pointee.limits = limits
    makeRoom(for: limits.head)
  }

  /// Makes room for the heads that a listener allows. Before they are read.
  func makeRoom(for limits: HeadLimits) {
    if limits.maxTarget > pointee.headLimits.maxTarget {
      pointee.headLimits.maxTarget = limits.maxTarget
      pointee.path.deallocate()
      pointee.path = .allocate(byteCount: Int(limits.maxTarget), alignment: 16)
    }
    guard limits.maxFields > pointee.headLimits.maxFields else { return }
    pointee.headLimits.maxFields = limits.maxFields
    while let exchange = takeFreeExchange() { exchange.deallocateRecord() }
  }

  /// Serves a connection that was accepted, and owns it from now on.
  func serve(_ socket: AcceptedSocket, _ options: UnsafePointer<ListenerOptions>) {
    let connection = takeConnection()
    pointee.openCount += 1
    pointee.connections.connectionOpened()
    do throws(SystemError) {
      try connection.open(socket, options, on: self)
      connection.armTimer()
      connection.serveFirstBytes()
    } catch {
      cannotServe(connection, error)
    }
  }

  /// Closes a connection for which the system has no resources, and logs it.
  func cannotServe(_ connection: ConnectionPointer, _ error: SystemError) {
    if pointee.logLimit.permits(at: pointee.loop.pointee.now) { HTTPLog.cannotServe(error) }
    connection.close()
  }

  /// A record, uninitialised.
  private func takeConnection() -> ConnectionPointer { takeFreeConnection() ?? .allocate(capacity: 1) }

  /// The record of the connection that was closed first; nil if none was before this turn: an event may still name it.
  private func takeFreeConnection() -> ConnectionPointer? {
    let first = freeLink.pointee.next
    guard first != freeLink else { return nil }
    let connection = ConnectionPointer.of(sibling: first)
    guard connection.pointee.closedInTurn < pointee.loop.pointee.turn else { return nil }
    first.remove()
    pointee.freeCount -= 1
    return connection
  }

  func didClose(_ connection: ConnectionPointer) {
    connection.siblingLink.remove()
    freeLink.append(connection.siblingLink)
    pointee.freeCount += 1
    pointee.openCount -= 1
    pointee.connections.connectionClosed()
    if pointee.connections.isHosts { DescriptorReserve.shared.fill() }
    guard pointee.freeCount > Self.keptRecords, let oldest = takeFreeConnection() else { return }
    oldest.deallocate()
    pointee.loop.noteFreedMemory()
  }

  /// A record for the exchange that begins on `connection`.
  @inline(__always)
  func takeExchange(for connection: ConnectionPointer) -> ExchangePointer {
    let exchange = takeFreeExchange() ?? makeExchange()
    exchange.begin(on: .http1(connection.http1), job: connection.job, connection.pointee.options)
    return exchange
  }

  @inline(__always)
  private func takeFreeExchange() -> ExchangePointer? {
    guard let exchange = pointee.freeExchanges else { return nil }
    pointee.freeExchanges = exchange.pointee.nextFree
    pointee.freeExchangeCount &-= 1
    return exchange
  }

  private func makeExchange() -> ExchangePointer {
    let exchange = ExchangePointer.allocate(capacity: 1)
    exchange.initializeRecord(server: self, maxFields: pointee.headLimits.maxFields)
    return exchange
  }

  /// Takes an exchange's record back, and releases the bytes of its head.
  func recycle(_ exchange: ExchangePointer) {
    exchange.pointee.input?.release(to: buffers)
    exchange.pointee.input = nil
    // A record from before a reload may have room for fewer fields than the limits allow now.
    guard pointee.freeExchangeCount < Self.keptRecords, exchange.pointee.fields.count >= pointee.headLimits.maxFields
    else {
      exchange.deallocateRecord()
      return pointee.loop.noteFreedMemory()
    }
    exchange.pointee.nextFree = pointee.freeExchanges
    pointee.freeExchanges = exchange
    pointee.freeExchangeCount &+= 1
  }

  /// Accepts no more connections on a socket. The listener's record is not freed: an event of this turn may find it.
  func stopAccepting(on descriptor: Int32) {
    for listener in pointee.listeners where listener.pointee.descriptor == descriptor { listener.stop() }
    pointee.listeners.removeAll { $0.pointee.descriptor == descriptor }
  }

  /// Accepts no more connections, and closes those it has: idle ones after `idleTime` nanoseconds, or if it is 0 now,
  /// unless they have a request that no event has reported yet; others after their response.
  func drain(idleTime: Int64 = 0) {
    for listener in pointee.listeners {
      listener.stop()
      // The kernel may have woken this loop for them, and no other one.
      if idleTime > 0 { listener.acceptRest() }
    }
    pointee.listeners = []
    (pointee.isDraining, pointee.idleTimeOfDrain) = (true, idleTime)
    openLink.forEach { ConnectionPointer.of(sibling: $0).drain() }
  }
}
