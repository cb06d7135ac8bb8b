package import AmbitCore
package import AmbitRuntime
package import AmbitSystem
internal import Logging

/// HTTP/1.1 on all loops of the process.
///
/// The control thread calls its functions. Each waits until every loop has done its part, or for the time that it takes
/// as a parameter.
@safe
package final class HTTPServer: Sendable {
  private let loops: LoopGroup
  private let connections: ConnectionCounts

  /// Makes the server of each loop, without routes. It serves nothing until `accept`.
  /// - Parameters:
  ///   - limits: of listeners that have no options of their own.
  ///   - isHosts: its clients belong to the operator, and may use the descriptors that are reserved for the host.
  ///   - sharing: how it shares its sockets with servers in other processes; nil: it is the only one.
  package init(loops: LoopGroup, limits: HTTPLimits, isHosts: Bool = false, sharing: AcceptSharing? = nil) {
    self.loops = loops
    connections = ConnectionCounts(loops: loops.loops.count, isHosts: isHosts, sharing: sharing)
    loops.onEach { [connections] loop in
      let server = ServerPointer.allocate(capacity: 1)
      server.initialize(loop: loop, routes: .empty, limits: limits, connections: connections)
    }
  }

  /// Accepts connections on the sockets from now on, those that wait already first. The caller keeps the sockets and
  /// closes them after `drain`.
  /// - Parameter options: for the connections of these sockets; nil: the server's limits, and http.
  package func accept(on sockets: [ListeningSocket], options: ListenerOptions? = nil) {
    connections.setAccepting(true)
    for socket in sockets { accept(on: socket, options) }
  }

  /// Accepts no more connections on a socket. Those that were accepted stay. A loop that is blocked for longer than a
  /// second does its part when it runs again.
  /// - Returns: whether all loops have done so; if not, the socket is still in use: see
  ///   `ListeningSocket.close(isInUse:)`.
  package func stopAccepting(on socket: ListeningSocket) -> Bool {
    let descriptor = socket.descriptor
    let done = loops.onEach(within: 1_000_000_000) { loop in
      ServerPointer.on(loop).stopAccepting(on: descriptor)
      return loop.pointee.index
    }
    // The socket stays open if another process has it. Then a loop that still watched it would be woken in place of one
    // that accepts, and could not stop that any more when the number is another file's.
    for (index, loop) in loops.loops.enumerated() where !done.contains(index) { loop.unwatch(descriptor) }
    return done.count == loops.loops.count
  }

  /// Reads the process's limit of descriptors again, so that an operator who has raised it, prlimit(1), need not
  /// restart the host.
  package func readDescriptorLimit() { connections.readDescriptorLimit() }

  private func accept(on socket: ListeningSocket, _ options: ListenerOptions?) {
    socket.setVital()
    loops.onEach { loop in
      let server = ServerPointer.on(loop)
      let listener = ListenerPointer.allocate(capacity: 1)
      do throws(SystemError) {
        try listener.open(socket, server.makeOptions(options), on: server)
      } catch {
        return HTTPLog.cannotListen(error)
      }
      server.pointee.listeners.append(listener)
    }
  }

  /// Uses `routes` for every request that begins from now on. A loop that is blocked for longer than the timeout, in
  /// nanoseconds, does so when it runs again. The same if it is blocked when `isCancelled` returns true.
  /// - Returns: whether all loops have done so.
  @discardableResult
  package func replaceRoutes(
    by routes: RouteSet, within timeout: Int64 = .max, unless isCancelled: () -> Bool = { false }
  ) -> Bool {
    let done: [Void] = loops.onEach(within: timeout, unless: isCancelled) {
      ServerPointer.on($0).replaceRoutes(by: routes)
    }
    return done.count == loops.loops.count
  }

  /// Uses `limits` for all requests, and times between requests, that begin from now on, also on open connections. A
  /// loop that is blocked for longer than the timeout, in nanoseconds, does so when it runs again.
  /// - Returns: whether all loops have done so.
  @discardableResult
  package func replaceLimits(by limits: HTTPLimits, within timeout: Int64 = .max) -> Bool {
    loops.onEach(within: timeout) { ServerPointer.on($0).replaceLimits(by: limits) }.count == loops.loops.count
  }

  /// Serves the host's own routes and no others.
  /// - Throws: if two of them have the same meaning.
  package func serve(_ routes: [HostRoute]) throws(RouteConflict) {
    replaceRoutes(by: try HostRoutes.makeRouteSet(routes, on: loops))
  }

  /// Stops accepting connections, closes idle ones, and others after their response. A loop that is blocked for longer
  /// than the timeout, in nanoseconds, does its part when it runs again. Draining twice has no effect.
  /// - Parameter idleTime: how long an idle connection stays open, in nanoseconds, because the next request may be under
  ///   way to it. If it is not 0, the clients that have connected to the sockets already are accepted at last.
  /// - Returns: whether all loops have stopped accepting; if not, the sockets are still in use: see
  ///   `ListeningSocket.close(isInUse:)`.
  @discardableResult
  package func drain(within timeout: Int64 = 1_000_000_000, idleTime: Int64 = 0) -> Bool {
    connections.setAccepting(false)
    return loops.onEach(within: timeout) { ServerPointer.on($0).drain(idleTime: idleTime) }.count == loops.loops.count
  }

  /// Ends the connections of a loop that hangs, so that their clients do not wait for a response that never comes. The
  /// loop closes them when it turns again, if ever. Listening sockets stay as they are: other processes use them, too.
  ///
  /// Reads copies of the loop's records, as nothing else changes them while the loop hangs. If it turns again at this
  /// very moment, the connection that it closes just now may be another client's by then, whose connection is ended.
  /// From threads that may block.
  /// - Parameter isHanging: whether the loop has not turned since.
  package func endConnections(ofLoop index: Int, while isHanging: () -> Bool) {
    let server = ServerPointer.on(loops.loops[index].record)
    var left = server.observed(\.openCount) ?? 0
    var next = server.openLink.observed(\.next)
    while let link = next, link != server.openLink, left > 0, isHanging() {
      ConnectionPointer.of(sibling: link).endObserved()
      next = link.observed(\.next)
      left -= 1
    }
  }

  /// Whether no loop has a request, nor, if wanted, a connection. Loops that hang do not count.
  /// - Parameters:
  ///   - hung: the loops that need not answer.
  ///   - timeout: how long to wait for the others, in nanoseconds. One that does not answer is busy.
  package func isIdle(withoutConnections: Bool, besides hung: [Int], within timeout: Int64) -> Bool {
    let loads = loops.onEach(within: timeout) { loop in
      let connections = withoutConnections ? ServerPointer.on(loop).pointee.openCount : 0
      return (index: loop.pointee.index, count: loop.pointee.liveRequests + connections)
    }
    let answered = Set(loads.map(\.index)).union(hung)
    return loads.allSatisfy { $0.count == 0 } && answered.count >= loops.loops.count
  }

  /// The reports of the loops that answer within the timeout, in nanoseconds, by index. From threads that may block.
  package func reports(within timeout: Int64) -> [ServerReport] {
    loops.onEach(within: timeout) { ServerReport(of: $0) }.sorted { $0.loop.loop < $1.loop.loop }
  }

  /// Open connections of all loops.
  package var connectionCount: Int {
    loops.onEach { ServerPointer.on($0).pointee.openCount }.reduce(0, +)
  }
}

/// The log lines of servers and listeners.
enum HTTPLog {
  private static let logger = Logger(label: "ambit.http")

  static func cannotListen(_ error: SystemError) {
    logger.error("cannot accept connections on one event loop: \(error); the other loops accept them")
  }

  static func cannotWatch(_ error: SystemError) {
    logger.error("cannot accept connections: \(error); trying again every 100 ms, \(LogRateLimit.note)")
  }

  static func cannotServe(_ error: SystemError) {
    logger.error("cannot serve a connection: \(error); the connection was closed; \(LogRateLimit.note)")
  }

  static func keepsDescriptors(from limit: Int32) {
    logger.error(
      """
      cannot accept connections: all file descriptors below \(limit) are in use, and the rest is reserved for reloads \
      and the admin API; raise the limit with ulimit -n to serve more clients; trying again every 100 ms, \
      \(LogRateLimit.note)
      """)
  }

  static func answeredClientError(_ line: String, _ fields: Logger.Metadata) {
    logger.info("\(line)", metadata: fields)
  }

  static func cannotAccept(_ code: Int32) {
    logger.error(
      "cannot accept connections: \(SystemError.text(code)); trying again every 100 ms, \(LogRateLimit.note)")
  }
}
