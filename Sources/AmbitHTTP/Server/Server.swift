internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem

/// HTTP on one loop: its connections, and what they share.
struct Server {
  let loop: LoopPointer
  let limits: HTTPLimits
  /// Shared with the servers of the other loops.
  fileprivate let sharedTally: Unmanaged<ConnectionTally>
  /// What the jobs of connections are.
  let connectionJob: JobKind
  var buffers: BufferPool
  /// Open connections.
  var open: Link
  var openCount = 0
  /// Open connections whose clients have left and whose exchanges have not been told yet; see DisconnectQueue.swift.
  var pendingDisconnects: Link
  /// How many exchanges were told in the turn `disconnectTurn`.
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
  /// Of `routes` those that were asked for not long ago.
  var routeCache = RouteCache()
  /// Those of `routes`, to be had without a reference.
  var options = RoutingOptions()
  var responsePrefix = ResponsePrefix()
  /// Of exchanges that have left their carriers.
  var counters = HTTPCounters()
  /// No new requests are taken: each response closes its connection.
  var isDraining = false
  /// Of lines about connections that cannot be served.
  var logLimit = LogRateLimit()
  /// Where paths are normalised; copied to the request's memory if it is more than the path as sent.
  let path: UnsafeMutableRawBufferPointer
  let segments: UnsafeMutableBufferPointer<ByteRange>
}

extension Server {
  @inline(__always) var tally: ConnectionTally { sharedTally.takeUnretainedValue() }
}

typealias ServerPointer = UnsafeMutablePointer<Server>

extension UnsafeMutablePointer<Server> {
  @inline(__always) var buffers: UnsafeMutablePointer<BufferPool> { pointer(to: \.buffers)! }
  @inline(__always) var openLink: LinkPointer { pointer(to: \.open)! }
  @inline(__always) var connectionJob: JobKindPointer { JobKindPointer(pointer(to: \.connectionJob)!) }
  @inline(__always) private var freeLink: LinkPointer { pointer(to: \.free)! }

  /// Of closed connections and of requests so many records are kept for reuse, of a kilobyte or three each.
  private static var keptRecords: Int { 1024 }

  /// The server of a loop.
  @inline(__always)
  static func on(_ loop: LoopPointer) -> ServerPointer {
    loop.pointee.server!.assumingMemoryBound(to: Server.self)
  }

  func initialize(loop: LoopPointer, limits: HTTPLimits, routes: RouteSet, tally: ConnectionTally) {
    initialize(
      to: Server(
        loop: loop, limits: limits, sharedTally: .passRetained(tally),
        connectionJob: JobKind(
          handlersOn: loop, body: serveLoop, finish: serveLoopEnded, beforeSuspension: flushBeforeSuspend),
        buffers: BufferPool(of: loop),
        open: Link(alone: openLink), pendingDisconnects: Link(alone: pendingDisconnectsLink),
        pendingCloses: Link(alone: pendingClosesLink),
        disconnectTimer: makeDisconnectTimer(), free: Link(alone: freeLink),
        routes: .passRetained(routes),
        path: .allocate(byteCount: max(Int(limits.head.maxTarget), 1), alignment: 16),
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

  /// Serves a connection that was accepted, and owns it from now on.
  func serve(_ descriptor: Int32) {
    let connection = takeConnection()
    pointee.openCount += 1
    pointee.tally.connectionOpened()
    do throws(SystemError) {
      try connection.open(descriptor: descriptor, on: self)
      connection.armTimer()
      connection.serveFirstBytes()
    } catch {
      cannotServe(connection, error)
    }
  }

  /// Closes a connection for which something could not be had; says so, which may go on for hours and need not fill the
  /// log.
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
    pointee.tally.connectionClosed()
    if pointee.tally.isHosts { DescriptorReserve.shared.fill() }
    guard pointee.freeCount > Self.keptRecords, let oldest = takeFreeConnection() else { return }
    oldest.deallocate()
    pointee.loop.noteFreedMemory()
  }

  /// A record for the request that begins on `connection`.
  @inline(__always)
  func takeExchange(for connection: ConnectionPointer) -> ExchangePointer {
    let exchange = takeFreeExchange() ?? makeExchange()
    exchange.begin(on: .http1(connection.http1), job: connection.job)
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
    exchange.initializeRecord(server: self, maxFields: pointee.limits.head.maxFields)
    return exchange
  }

  /// Takes a request's record back, and with it its hold on the bytes of its head.
  func recycle(_ exchange: ExchangePointer) {
    exchange.pointee.input?.release(to: buffers)
    exchange.pointee.input = nil
    guard pointee.freeExchangeCount < Self.keptRecords else {
      exchange.deallocateRecord()
      return pointee.loop.noteFreedMemory()
    }
    exchange.pointee.nextFree = pointee.freeExchanges
    pointee.freeExchanges = exchange
    pointee.freeExchangeCount &+= 1
  }

  /// Takes no more connections: idle ones are closed, unless a request has come that no event has told of yet; others
  /// after their response.
  func drain() {
    pointee.isDraining = true
    for listener in pointee.listeners { listener.stop() }
    pointee.listeners = []
    openLink.forEach { ConnectionPointer.of(sibling: $0).closeIfIdle() }
  }
}
