import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// SIGTERM and SIGINT: the host drains and stops.
@Suite struct `Shutting down` {
  @Test(arguments: [SIGTERM, SIGINT])
  func `An idle host stops with status 0`(signal: Int32) async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /hello/x HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 200)
      host.child.signal(signal)
      #expect(await host.child.status == .exited(0))
      #expect(try await connection.rest().isEmpty, "the idle connection is closed")
    }
  }

  @Test func `A request that ends within the drain timeout gets its response`() async throws {
    try await withHost([.sample("simple_service")], configuration: "drain_timeout = \"20s\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /hold?seconds=1 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "working... step 1 of 5")
      host.child.signal(SIGTERM)
      let answer = try await connection.response()
      #expect(answer.status == 200)
      #expect(try await connection.rest().isEmpty)
      #expect(await host.child.status == .exited(0))
    }
  }

  @Test func `A host that drains accepts no new connections`() async throws {
    try await withHost([.probe("waits")], configuration: "drain_timeout = \"1h\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      host.child.signal(SIGTERM)
      // A connection before the socket is closed is reset. After that they are refused, and the host still runs.
      while let late = try? host.connect() { #expect(try await late.rest().isEmpty) }
      #expect(host.child.earlyStatus == nil)
      connection.close()
      #expect(await host.child.status == .exited(0))
    }
  }

  @Test func `Jobs that outlast the drain are cancelled with cause shutdown`() async throws {
    try await withHost([.probe("waits")], configuration: "drain_timeout = \"200ms\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      #expect(await host.stop() == .exited(0))
      try await host.log.line(containing: "job woken status=-1 cause=shutdown")
      try await host.log.line(containing: "handler woken status=-1 cause=shutdown")
      try await host.log.line(containing: "scope closed")
    }
  }

  @Test func `A second signal ends the drain at once`() async throws {
    try await withHost([.probe("waits")], configuration: "drain_timeout = \"1h\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "stopping")
      host.child.signal(SIGTERM)
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.contains("woken") }.isEmpty, "nobody waited for the request")
      #expect(host.log.lines { $0.contains(" died") }.isEmpty, "the end by the supervisor is no crash")
    }
  }

  @Test func `A loop that is blocked for ever delays the end only until a second signal`() async throws {
    try await withBlockedLoop("drain_timeout = \"1h\"") { host in
      host.child.signal(SIGTERM)
      #expect(await host.child.status == .exited(0))
    }
  }

  @Test func `A loop that is blocked for ever delays the end only as long as the configuration says, and is named`()
    async throws
  {
    for attempt in 1...5 {
      let isInTime = Mutex(false)
      try await withBlockedLoop("drain_timeout = \"100ms\"\ncancel_grace = \"1s\"") { host in
        #expect(await host.child.status == .exited(0))
        // Its worker has 300 ms for its report, which a busy machine may not give it.
        guard host.log.lines(where: { $0.contains("has not ended in time") }).isEmpty else { return }
        let culprit = try await host.log.line(
          containing: "is blocked by handler GET /handler of plugin holds_up_loop/1")
        #expect(culprit.field("plugin") == "holds_up_loop/1" && culprit.field("loop") != nil, "\(culprit)")
        #expect(host.log.lines { $0.contains("has not stopped within") }.isEmpty, "nobody else is to blame")
        try await host.log.line { $0.contains("left behind") && $0.field("running") == "holds_up_loop/1" }
        isInTime.withLock { $0 = true }
      }
      if isInTime.withLock({ $0 }) { return }
      #expect(attempt < 5)
    }
  }

  /// Runs `body` when a loop is blocked and the host was told to stop.
  private func withBlockedLoop(_ configuration: String, _ body: @Sendable (Host) async throws -> Void) async throws {
    try await withHost([.fixture("holds_up_loop"), .sample("hello")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /handler HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.contains("event loop blocked for") && $0.field("route") == "GET /handler" }
      host.child.signal(SIGTERM)
      let stopping = try await host.log.line(containing: "stopping")
      #expect(stopping.field("requests") == "unknown, an event loop is blocked", "\(stopping)")
      try await body(host)
    }
  }
}
