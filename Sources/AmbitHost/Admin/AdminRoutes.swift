internal import AmbitCore
internal import AmbitHTTP
internal import AmbitRuntime

/// What the admin API answers. All of it runs on threads of the admin server's pool.
struct AdminRoutes: Sendable {
  let board: StatusBoard
  let reloads: ReloadQueue
  let loops: LoopGroup
  let server: HTTPServer
  let configuration: String?

  var all: [HostRoute] {
    [
      HostRoute(.status) { request in
        let status = DescriptorReserve.shared.lend {
          HostStatus(board: board, reloads: reloads, configuration: configuration, loops: loops, server: server)
        }
        return AdminFormat(request).response(json: status.json, text: status.text)
      },
      HostRoute(.scopes) { request in
        let tree = loops.scopeTree()
        return AdminFormat(request).response(json: tree.json, text: tree.text)
      },
      HostRoute(.reload) { request in
        let format = AdminFormat(request)
        guard let outcome = reloads.reload() else {
          let reason = "the host is stopping, nothing is reloaded any more"
          return format.response(
            status: 503, json: .object([("errors", .array([.string(reason)]))]), text: reason + "\n")
        }
        return format.response(status: outcome.result == .done ? 200 : 422, json: outcome.json, text: outcome.text)
      },
    ]
  }
}

extension RoutePattern {
  fileprivate static var status: RoutePattern { try! RoutePattern("GET /status") }
  fileprivate static var scopes: RoutePattern { try! RoutePattern("GET /scopes") }
  fileprivate static var reload: RoutePattern { try! RoutePattern("POST /reload") }
}

/// How a client of the admin API wants to be answered.
enum AdminFormat {
  case json
  case text

  /// JSON, unless the client accepts plain text and not JSON as well.
  init(_ request: HostRequest) {
    let accept = request.accept ?? ""
    self = accept.contains("text/plain") && !accept.contains("json") ? .text : .json
  }

  func response(status: Int = 200, json: JSONValue, text: String) -> HostResponse {
    switch self {
    case .json: HostResponse(status: status, contentType: "application/json", body: json.indented + "\n")
    case .text: HostResponse(status: status, contentType: "text/plain; charset=utf-8", body: text)
    }
  }
}
