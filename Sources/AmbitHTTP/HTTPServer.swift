package import AmbitCore
package import AmbitRuntime
package import AmbitSystem

/// HTTP/1.1 on all loops of the process.
///
/// Its functions are for the control thread; each waits until every loop has done what it says, or as long as it says.
@safe
package final class HTTPServer: Sendable {
  private let loops: LoopGroup
  private let tally: ConnectionTally

  /// Makes the server of each loop, without routes. It serves nothing until `accept`.
  /// - Parameter isHosts: its clients are the operator's, and may have the descriptors that are kept for the host.
  package init(loops: LoopGroup, limits: HTTPLimits, isHosts: Bool = false) {
    self.loops = loops
    tally = ConnectionTally(loopCount: loops.loops.count, isHosts: isHosts)
    loops.onEach { [tally] loop in
      let server = ServerPointer.allocate(capacity: 1)
      server.initialize(loop: loop, limits: limits, routes: .empty, tally: tally)
    }
  }

  /// Serves the clients that have connected to the sockets, and those that will. The sockets stay the caller's, who closes
  /// them after `drain`.
  package func accept(on sockets: [ListeningSocket]) {
    for socket in sockets { accept(on: socket) }
  }

  /// Leaves as many descriptors for the host as the process's limit allows now: who has raised it for a running host,
  /// prlimit(1), need not start that anew.
  package func readDescriptorLimit() { tally.readDescriptorLimit() }

  private func accept(on socket: ListeningSocket) {
    socket.setVital()
    loops.onEach { loop in
      let server = ServerPointer.on(loop)
      let listener = ListenerPointer.allocate(capacity: 1)
      do throws(SystemError) {
        try listener.open(socket, on: server)
      } catch {
        return HTTPLog.cannotListen(error)
      }
      server.pointee.listeners.append(listener)
    }
  }

  /// Uses `routes` for every request that begins from now on. A loop that does not turn within `patience` nanoseconds
  /// does so when it turns.
  /// - Returns: whether all have.
  @discardableResult
  package func replaceRoutes(by routes: RouteSet, within patience: Int64 = .max) -> Bool {
    loops.onEach(within: patience) { ServerPointer.on($0).replaceRoutes(by: routes) }.count == loops.loops.count
  }

  /// Serves the host's own routes, and none besides.
  /// - Throws: if two of them have the same meaning.
  package func serve(_ routes: [HostRoute]) throws(RouteConflict) {
    replaceRoutes(by: try HostRoutes.makeRouteSet(routes, on: loops))
  }

  /// Stops accepting connections, closes idle ones, and others after their response. A loop that is blocked for longer
  /// than a second does its part when it runs again. Draining twice has no effect.
  /// - Returns: whether all loops have stopped accepting; if not, the sockets are still in use: see
  ///   `ListeningSocket.close(isInUse:)`.
  @discardableResult
  package func drain() -> Bool {
    loops.onEach(within: 1_000_000_000) { ServerPointer.on($0).drain() }.count == loops.loops.count
  }

  /// The numbers of the loops that turn within `patience` nanoseconds, by index. From threads that may block.
  package func reports(within patience: Int64) -> [ServerReport] {
    loops.onEach(within: patience) { ServerReport(of: $0) }.sorted { $0.loop.loop < $1.loop.loop }
  }

  /// Open connections of all loops.
  package var connectionCount: Int {
    loops.onEach { ServerPointer.on($0).pointee.openCount }.reduce(0, +)
  }
}
