internal import AmbitCore
internal import AmbitHTTP
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// The admin API: HTTP on a local socket that only the user of the host may connect to.
///
/// It has a loop and threads of its own, so it answers even if plugins block all other loops, it stays while the worker
/// drains, and its requests do not count as the worker's.
final class AdminServer: Sendable {
  /// No code of plugins runs on the loop, so that nobody has to look 20 times a second whether it is blocked.
  private static var limits: RuntimeLimits { RuntimeLimits(stallWarning: nil) }
  private static var pool: ThreadPool.Limits { .init(threads: 64, queue: 1024) }

  private let loops: LoopGroup
  private let server: HTTPServer
  let path: String
  /// The socket; nil when the server has drained.
  private let socket: Mutex<ListeningSocket?>

  /// Serves `routes` from now on.
  /// - Parameter path: where the socket is, see `AdminSocket`.
  /// - Throws: if the socket cannot be opened. The message names the key of the configuration.
  init(at path: String, routes: [HostRoute]) throws(HostError) {
    self.path = path
    do throws(SystemError) {
      loops = try LoopGroup(
        count: 1, threadName: "ambit-admin", table: try HTTPCalls.makeTable(), limits: Self.limits, pool: Self.pool)
    } catch {
      throw HostError(error)
    }
    var limits = HTTPLimits()
    limits.requestTimeout = .max
    server = HTTPServer(loops: loops, limits: limits, isHosts: true)
    do throws(RouteConflict) { try server.serve(routes) } catch { throw HostError(error) }
    do throws(ListenError) {
      let opened = try Self.open(path)
      socket = Mutex(opened)
      server.accept(on: [opened])
    } catch {
      throw HostError(["admin: \(error); set admin to another path, or to \"\" for no admin API"])
    }
  }

  private static func open(_ path: String) throws(ListenError) -> ListeningSocket {
    try ListeningSocket(.unix(path: path), rights: SocketRights(mode: 0o600))
  }

  /// Opens the socket anew if its path does not lead to it any more: somebody has removed its file, or a link on the
  /// way leads to another folder.
  /// - Returns: whether it was opened anew.
  /// - Throws: if it cannot be opened there. The old socket stays.
  func restoreSocket() throws(ListenError) -> Bool {
    guard let old = socket.withLock({ $0 }), !old.isReachable else { return false }
    let new = try Self.open(path)
    // Another thread may have drained meanwhile.
    let isServing = socket.withLock { present in
      if present != nil { present = new }
      return present != nil
    }
    guard isServing else {
      new.close()
      return false
    }
    server.accept(on: [new])
    old.close(isInUse: !server.stopAccepting(on: old))
    return true
  }

  /// Removes the socket, answers the requests that have arrived, and closes the connections. Waits for at most
  /// `timeout` nanoseconds. From any thread.
  func drain(within timeout: Int64) {
    let last = socket.withLock { present in
      defer { present = nil }
      return present
    }
    // Before the loop is waited for: the process may be ended meanwhile, and a file would be left.
    last?.removeFile()
    last?.close(isInUse: !server.drain(within: timeout))
  }

  /// No client is connected.
  var isIdle: Bool { server.connectionCount == 0 }
}

/// The routes of the admin API. Their handlers run on the thread pool of the admin server.
struct AdminRoutes: Sendable {
  let state: HostState
  let reloads: ReloadQueue
  let upgrades: UpgradeQueue
  let rollBacks: RollBackQueue
  let signals: Signals
  let workers: WorkerGroup
  let configuration: String?

  var all: [HostRoute] {
    [
      HostRoute(.status) { request in
        let status = DescriptorReserve.shared.lend {
          HostStatus(state: state, reloads: reloads, configuration: configuration, workers: workers)
        }
        return AdminFormat(request).response(json: status.json, text: status.text)
      },
      HostRoute(.scopes) { request in
        let trees = workers.scopeTrees()
        return AdminFormat(request).response(json: trees.writeJSON, text: trees.writeText)
      },
      HostRoute(.reload) { request in
        let format = AdminFormat(request)
        let retried = AdminQuery.value(of: "retry", in: request.query)
        guard request.query == nil || retried != nil else {
          return format.error(400, "expected POST /reload or POST /reload?retry=PLUGIN")
        }
        guard let outcome = reloads.reload(retrying: retried) else {
          return format.error(503, "the host is stopping and does not reload any more")
        }
        return format.response(status: outcome.httpStatus, json: outcome.json, text: outcome.text)
      },
      HostRoute(.rollBack) { request in
        let format = AdminFormat(request)
        guard let plugin = AdminQuery.value(of: "plugin", in: request.query) else {
          return format.error(400, "expected POST /rollback?plugin=NAME")
        }
        guard let report = rollBacks.rollBack(plugin, by: signals) else {
          return format.error(503, "the host is stopping, so nothing is rolled back any more")
        }
        return format.response(status: report.errors.isEmpty ? 200 : 422, json: report.json, text: report.text)
      },
      HostRoute(.history) { request in
        let format = AdminFormat(request)
        guard let plugin = AdminQuery.value(of: "plugin", in: request.query) else {
          return format.error(400, "expected GET /history?plugin=NAME")
        }
        let ledger = workers.faults.ledger
        guard let history = PluginHistory(of: plugin, in: ledger) else {
          let names = ledger.plugins.joined(separator: ", ")
          return format.error(404, "no plugin \(plugin) has served since the start of the host; these have: \(names)")
        }
        return format.response(json: history.json, text: history.text)
      },
      HostRoute(.upgrade) { request in
        let format = AdminFormat(request)
        guard let program = AdminQuery.value(of: "program", in: request.query) else {
          return format.error(400, "expected POST /upgrade?program=PATH, the absolute path of the new program")
        }
        guard let report = upgrades.upgrade(to: program, by: signals) else {
          return format.error(503, "the host is stopping, or another upgrade takes place")
        }
        return format.response(
          status: report.result == .refused ? 422 : 202, json: report.json, text: report.text)
      },
      HostRoute(.lastUpgrade) { request in
        let format = AdminFormat(request)
        guard let report = state.current.upgrade else { return format.error(404, "the host was not upgraded") }
        return format.response(json: report.json, text: report.text)
      },
    ]
  }
}

extension RoutePattern {
  fileprivate static var status: RoutePattern { try! RoutePattern("GET /status") }
  fileprivate static var scopes: RoutePattern { try! RoutePattern("GET /scopes") }
  fileprivate static var reload: RoutePattern { try! RoutePattern("POST /reload") }
  fileprivate static var rollBack: RoutePattern { try! RoutePattern("POST /rollback") }
  fileprivate static var history: RoutePattern { try! RoutePattern("GET /history") }
  fileprivate static var upgrade: RoutePattern { try! RoutePattern("POST /upgrade") }
  fileprivate static var lastUpgrade: RoutePattern { try! RoutePattern("GET /upgrade") }
}

/// The format of an answer of the admin API: content negotiation by the `Accept` header.
enum AdminFormat {
  case json
  case text

  /// JSON, unless the client accepts plain text and does not accept JSON.
  init(_ request: HostRequest) {
    let accept = request.accept ?? ""
    self = accept.contains("text/plain") && !accept.contains("json") ? .text : .json
  }

  func response(status: Int = 200, json: JSONValue, text: String) -> HostResponse {
    HostResponse(
      status: status, contentType: contentType, body: .text(self == .json ? json.indented + "\n" : text))
  }

  func error(_ status: Int, _ reason: String) -> HostResponse {
    response(status: status, json: .object([("errors", .array([.string(reason)]))]), text: reason + "\n")
  }

  /// A response that is sent piece by piece, because it may be large.
  func response(
    json: @escaping @Sendable (HostResponse.Write) -> Void, text: @escaping @Sendable (HostResponse.Write) -> Void
  ) -> HostResponse {
    HostResponse(status: 200, contentType: contentType, body: .stream(self == .json ? json : text))
  }

  private var contentType: String { self == .json ? "application/json" : "text/plain; charset=utf-8" }
}
