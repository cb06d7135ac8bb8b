import TestSupport
import Testing

/// Many clients at the same time.
@Suite struct `Load` {
  @Test(.enabled(if: Places.tool("wrk") != nil, "wrk is not installed"))
  func `Sixty-four connections under load see no error`() async throws {
    try await withHost([.sample("hello")]) { host in
      let result = try await run(
        "wrk", ["-c", "64", "-t", "1", "-d", "2s", "--timeout", "60s", host.url("/hello/World")])
      #expect(result.status == .exited(0))
      #expect(!result.text.contains("Socket errors"), "\(result.text)")
      #expect(!result.text.contains("Non-2xx"), "\(result.text)")
      let requests = result.text.firstMatch(of: /([0-9]+) requests in/).flatMap { Int($0.1) } ?? 0
      #expect(requests > 64)
      print(result.text)
      #expect(try await host.get("/hello/after").status == 200)
    }
  }

  @Test func `Clients that leave during a response, a hundred at once, are all noticed`() async throws {
    try await withHost([.probe("waits")]) { host in
      let connections = try (0..<100).map { _ in try host.connect() }
      for connection in connections { try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n") }
      _ = try await host.log.lines(100) { $0.text == "handler waits" }
      for connection in connections { connection.close() }
      _ = try await host.log.lines(100) { $0.text == "scope closed" }
      let woken = host.log.lines { $0.contains("woken") }
      #expect(woken.count == 200)
      #expect(woken.allSatisfy { $0.contains("cause=disconnect") })
    }
  }
}
