import Testing

/// Many clients at once.
@Suite struct `Load` {
  @Test(.enabled(if: Places.tool("wrk") != nil, "wrk is not installed"))
  func `sixty-four connections see no error`() async throws {
    try await withHost([.sample("hello")]) { host in
      let result = try await run("wrk", ["-c", "64", "-t", "1", "-d", "2s", host.url("/hello/World")])
      #expect(result.status == .exited(0))
      #expect(!result.text.contains("Socket errors"), "\(result.text)")
      #expect(!result.text.contains("Non-2xx"), "\(result.text)")
      let requests = result.text.firstMatch(of: /([0-9]+) requests in/).flatMap { Int($0.1) } ?? 0
      #expect(requests > 64)
      print(result.text)
      #expect(try await host.get("/hello/after").status == 200)
    }
  }

  @Test(.enabled(if: Places.tool("wrk") != nil, "wrk is not installed"))
  func `reloads under load lose no request and close no connection`() async throws {
    try await withHost([version("0"), .sample("hello")]) { host in
      async let load = run("wrk", ["-c", "32", "-t", "1", "-d", "3s", host.url("/version")])
      for number in 1...8 {
        try await version(String(number)).install(in: host.plugins)
        #expect(try await host.reload().field("changed") == "1")
        #expect(try await host.get("/version").text == "\(number)\n")
      }
      let result = try await load
      #expect(result.status == .exited(0))
      #expect(!result.text.contains("Socket errors") && !result.text.contains("Non-2xx"), "\(result.text)")
      _ = try await host.log.lines(8) { $0.contains("retired") && $0.field("plugin")?.hasPrefix("version/") == true }
    }
  }

  /// A plugin that answers `GET /version` with `text`.
  private func version(_ text: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      static int32_t handle(ambit_scope *scope) {
        ambit_status status = ambit_yield(scope);
        return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "\(text)\\n", 2) : status;
      }
      static const ambit_route routes[] = {{.pattern = "GET /version", .handler = handle}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "version", .version = "1.0", .routes = routes, .route_count = 1};
      """, name: "version")
  }

  @Test func `clients that leave in the middle, a hundred at once, are all noticed`() async throws {
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
