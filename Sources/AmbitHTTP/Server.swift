internal import AmbitCore
internal import AmbitRuntime

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
  /// Open connections whose clients have left, of which nobody has been told yet; see Server+Departures.swift.
  var leaving: Link
  /// How many were told in the turn `departureTurn`.
  var departureCount = 0
  var departureTurn: UInt64 = 0
  /// Open connections whose clients have left and whose requests are over, the first that left first.
  var departed: Link
  /// Fires when there is more to be done for either.
  var departureTimer: Timer
  var listeners: [ListenerPointer] = []
  var firstBytes = FirstBytes()
  /// Closed connections, the longest closed first.
  var free: Link
  var freeCount = 0
  var freeRequests: RequestPointer?
  var freeRequestCount = 0
  /// The routes of new requests. Owned: one reference.
  var routes: Unmanaged<RouteSet>
  /// Of `routes` those that were asked for not long ago.
  var knownRoutes = KnownRoutes()
  /// Those of `routes`, to be had without a reference.
  var options = RoutingOptions()
  var preamble = Preamble()
  /// No new requests are taken: each response closes its connection.
  var isDraining = false
  /// From when on it is worth another line in the log that connections cannot be served: monotonic nanoseconds.
  var complaintDue: Int64 = 0
  /// Where paths are normalised; copied to the request's memory if it is more than the path as sent.
  let path: UnsafeMutableRawBufferPointer
  let segments: UnsafeMutableBufferPointer<ByteRange>
}

extension Server {
  @inline(__always) var tally: ConnectionTally { sharedTally.takeUnretainedValue() }
}

typealias ServerPointer = UnsafeMutablePointer<Server>

extension UnsafeMutablePointer<Server> {
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
          handlersOn: loop, body: serveBurst, finish: burstEnded, beforeSuspension: jobWillWait),
        buffers: BufferPool(of: loop),
        open: Link(alone: openLink), leaving: Link(alone: leavingLink),
        departed: Link(alone: departedLink),
        departureTimer: makeDepartureTimer(), free: Link(alone: freeLink),
        routes: .passRetained(routes),
        path: .allocate(byteCount: max(Int(limits.head.maxTarget), 1), alignment: 16),
        segments: .allocate(capacity: RoutePattern.maximumSegments)))
    pointee.segments.initialize(repeating: ByteRange())
    loop.pointee.server = UnsafeMutableRawPointer(self)
    loop.pointee.lookForDisconnect = { request in
      let request = request.assumingMemoryBound(to: Request.self)
      request.pointee.connection?.lookForDisconnect(of: request)
    }
  }

  /// Uses `routes` for requests that begin from now on.
  func replaceRoutes(by routes: RouteSet) {
    pointee.routes.release()
    pointee.routes = .passRetained(routes)
    pointee.knownRoutes = KnownRoutes()
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
    let now = pointee.loop.pointee.now
    if now >= pointee.complaintDue {
      HTTPLog.cannotServe(error)
      pointee.complaintDue = now + 10_000_000_000
    }
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
  func takeRequest(for connection: ConnectionPointer) -> RequestPointer {
    let request = takeFreeRequest() ?? makeRequest()
    request.begin(on: connection)
    return request
  }

  @inline(__always)
  private func takeFreeRequest() -> RequestPointer? {
    guard let request = pointee.freeRequests else { return nil }
    pointee.freeRequests = request.pointee.nextFree
    pointee.freeRequestCount &-= 1
    return request
  }

  private func makeRequest() -> RequestPointer {
    let request = RequestPointer.allocate(capacity: 1)
    request.initializeRecord(server: self, maxFields: pointee.limits.head.maxFields)
    return request
  }

  /// Takes a request's record back, and with it its hold on the bytes of its head.
  func recycle(_ request: RequestPointer) {
    request.pointee.input?.release(to: pointer(to: \.buffers)!)
    request.pointee.input = nil
    request.pointee.connection = nil
    guard pointee.freeRequestCount < Self.keptRecords else {
      request.deallocateRecord()
      return pointee.loop.noteFreedMemory()
    }
    request.pointee.nextFree = pointee.freeRequests
    pointee.freeRequests = request
    pointee.freeRequestCount &+= 1
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
