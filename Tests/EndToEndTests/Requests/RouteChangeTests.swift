import Glibc
import TestSupport
import Testing

/// Entries of `host.conf` that change a plugin's route.
@Suite struct `Changes of routes` {
  enum Leaving: CaseIterable, Sendable {
    case closing, resetting, halfClosing

    func callAsFunction(_ connection: Client) {
      switch self {
      case .closing: connection.close()
      case .resetting: connection.reset()
      case .halfClosing: connection.halfClose()
      }
    }
  }

  private static func entry(_ pattern: String, _ change: String) -> String {
    "[[route]]\nmatch = \"\(pattern)\"\n\(change)\n"
  }

  @Test(arguments: Leaving.allCases)
  func `A changed route lets a request finish whose client leaves`(leaving: Leaving) async throws {
    let settings = Self.entry("GET /pause", "on_disconnect = \"finish\"")
    try await withHost([.probe("waits")], configuration: settings) { host in
      try await expect("pause over status=0", after: leaving, of: "/pause", on: host)
    }
  }

  @Test(arguments: Leaving.allCases)
  func `A changed route cancels a request whose client leaves although the plugin would finish it`(leaving: Leaving)
    async throws
  {
    try await withHost([.probe("waits")]) { host in
      try await expect("pause over status=0", after: leaving, of: "/stay", on: host)
      try host.configure(Self.entry("GET /stay", "on_disconnect = \"cancel\""))
      #expect(try await host.reload().field("kept") == "1")
      try await expect("pause over status=-1", after: leaving, of: "/stay", on: host)
    }
  }

  private func expect(_ note: String, after leaving: Leaving, of path: String, on host: Host) async throws {
    let position = host.log.position
    let connection = try host.connect()
    try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    try await host.log.line(after: position, containing: "pause begun")
    leaving(connection)
    let over = try await host.log.line(after: position, containing: "pause over")
    #expect(over.text == note)
  }

  @Test func `A changed route has its own time limit: shorter, longer or none`() async throws {
    let settings =
      "[limits]\nrequest_timeout = \"200ms\"\n" + Self.entry("GET /wait", "timeout = \"50ms\"")
      + Self.entry("GET /pause", "timeout = \"1h\"") + Self.entry("GET /stay", "timeout = \"0s\"")
      + Self.entry("GET /sleep/{seconds}", "call = \"libc.so.6: u32 sleep(u32 seconds)\"\ntimeout = \"100ms\"")
    try await withHost([.probe("waits")], configuration: settings) { host in
      for path in ["/wait", "/sleep/1"] {
        let answer = try await host.get(path)
        #expect(answer.status == 504, "\(path)")
      }
      for path in ["/pause", "/stay"] {
        let answer = try await host.get(path)
        #expect(answer.text == "rested\n", "\(path)")
      }
    }
  }

  @Test func `A changed route takes a handler off its thread, or puts one on a thread`() async throws {
    let settings = "threads = 1\n" + Self.entry("POST /blocking", "blocking = false")
    try await withHost([.probe("threads")], configuration: settings) { host in
      let request = "POST /blocking HTTP/1.1\r\nHost: ambit\r\nContent-Length: 4\r\n\r\nbody"
      #expect(try await host.answer(to: request)["X-Thread"] == "ambit-loop-0")
      try host.configure("threads = 1\n" + Self.entry("POST /blocking", "blocking = true"))
      try await host.reload()
      #expect(try await host.answer(to: request)["X-Thread"] == "ambit-pool")
    }
  }

  @Test func `A change without its route stops a reload, and the error suggests the nearest route`() async throws {
    try await withHost([.probe("waits")]) { host in
      try host.configure(Self.entry("GET /wiat", "timeout = \"1s\""))
      let position = host.log.position
      host.child.signal(SIGHUP)
      let refused = try await host.log.line(after: position, containing: "reload refused, nothing has changed")
      let reason = host.log.lines { $0.number < refused.number && $0.contains("route[0].match: ") }
      #expect(reason.count == 1)
      #expect(reason.first?.contains("no plugin has the route GET /wiat; did you mean GET /wait?") == true)
      #expect(try await host.get("/ping").text == "pong\n")
    }
  }
}

/// `half_close = "allow"`: a client may shut down its sending side and wait for the response.
@Suite struct `Half-closed connections` {
  private static let allowed = "half_close = \"allow\""

  @Test func `A half-closed connection gets its response, after a wait too, and is closed`() async throws {
    try await withHost([.probe("waits")], configuration: Self.allowed) { host in
      let connection = try host.connect()
      try await connection.send("GET /pause HTTP/1.1\r\nHost: ambit\r\n\r\nGET /ping HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connection.halfClose()
      try await host.log.line(containing: "pause begun")
      #expect(try await connection.response().text == "rested\n")
      #expect(try await connection.response().text == "pong\n")
      #expect(try await connection.rest().isEmpty)
    }
  }

  @Test func `A half-closed connection that is reset afterwards ends its request`() async throws {
    try await withHost([.probe("waits")], configuration: Self.allowed) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connection.halfClose()
      try await host.log.line(containing: "handler waits")
      connection.reset()
      try await host.log.line(containing: "handler woken status=-1 cause=disconnect")
    }
  }

  @Test func `A connection that is half-closed in the middle of a body gets no response`() async throws {
    try await withHost([.probe("bodies")], configuration: Self.allowed) { host in
      let connection = try host.connect()
      try await connection.send("POST /measure HTTP/1.1\r\nHost: ambit\r\nContent-Length: 100\r\n\r\nhalf")
      connection.halfClose()
      let rest = try await connection.rest()
      #expect(rest.isEmpty, "\(String(decoding: rest, as: UTF8.self)) \(host.log.text)")
      #expect(host.child.earlyStatus == nil)
    }
  }

  @Test func `A new value of half_close takes effect with the next reload`() async throws {
    try await withHost([.probe("waits")]) { host in
      try host.configure(Self.allowed)
      try await host.reload()
      let connection = try host.connect()
      try await connection.send("GET /pause HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connection.halfClose()
      #expect(try await connection.response().text == "rested\n")
    }
  }
}
