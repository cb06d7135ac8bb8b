internal import AmbitCore
internal import AmbitHTTP
internal import AmbitRuntime

/// The admin API: HTTP on a local socket that only the host's user may connect to.
///
/// It has a loop and threads of its own: it answers whatever plugins do to the other loops, stays while these drain, and
/// its requests are in none of their counts.
final class AdminServer: Sendable {
  private static var limits: RuntimeLimits { RuntimeLimits() }
  private static var pool: ThreadPool.Limits { .init(threads: 64, queue: 1024) }

  private let loops: LoopGroup
  private let server: HTTPServer

  /// Serves `routes` from now on.
  /// - Throws: if the socket cannot be had, with the configuration's key in the message.
  init(at path: String, routes: [HostRoute]) throws(HostFailure) {
    let length = path.utf8.count
    guard length <= ListenAddress.longestPath else {
      let limit = ListenAddress.longestPath
      throw HostFailure(["admin: the path of a socket has at most \(limit) bytes, this one has \(length): \(path)"])
    }
    do throws(SystemError) {
      loops = try LoopGroup(
        count: 1, threadName: "ambit-admin", table: try HTTPCalls.makeTable(), limits: Self.limits, pool: Self.pool)
    } catch {
      throw HostFailure(error)
    }
    var limits = HTTPLimits()
    limits.requestTimeout = .max
    server = HTTPServer(loops: loops, limits: limits, isHosts: true)
    do throws(RouteConflict) { try server.serve(routes) } catch { throw HostFailure(error) }
    do throws(ListenError) {
      _ = try server.listen(at: [.unix(path: path)], mode: 0o600)
    } catch {
      throw HostFailure(["admin: \(error); with admin = \"\" the host has no admin API"])
    }
    server.accept()
  }

  /// Removes the socket and answers those who have asked; who is connected is let go of then.
  func drain() { server.drain() }

  /// Nobody is connected any more.
  var isIdle: Bool { server.connectionCount == 0 }
}
