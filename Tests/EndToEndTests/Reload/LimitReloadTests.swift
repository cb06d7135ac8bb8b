import TestSupport
import Testing

/// Limits and the log's level, which take effect at a reload, also on connections that are open.
@Suite struct `Limits that a reload changes` {
  @Test func `A larger max_body holds for the next request of an open connection`() async throws {
    try await withHost([plugin], configuration: "[limits]\nmax_body = 4") { host in
      let (refused, served) = (try host.connect(), try host.connect())
      #expect(try await post("12345", on: refused).status == 413)
      #expect(try await post("1234", on: served).text == "4")
      try host.configure("[limits]\nmax_body = 5")
      try await host.reload()
      #expect(try await post("12345", on: served).text == "5")
      #expect(try await post("123456", on: served).status == 413)
    }
  }

  @Test func `A larger number of headers holds for records of requests that were used before`() async throws {
    try await withHost([plugin], configuration: "threads = 1\n[limits]\nmax_headers = 3") { host in
      let connections = try (0..<3).map { _ in try host.connect() }
      for connection in connections { #expect(try await get("/says", fields: 2, on: connection).status == 200) }
      // The head of this request has begun, so it keeps its limit.
      let begun = try host.connect()
      try await begun.send("GET /says HTTP/1.1\r\n")
      try host.configure("threads = 1\n[limits]\nmax_headers = 40\nmax_target = \"16KiB\"")
      try await host.reload()
      try await begun.send(fields(2))
      #expect(try await begun.response().status == 200)
      for connection in connections + [begun] {
        #expect(try await get("/says", fields: 39, on: connection).status == 200)
        let long = "/says?" + String(repeating: "a", count: 12_000)
        #expect(try await get(long, fields: 2, on: connection).status == 200)
      }
      try host.configure("threads = 1\n[limits]\nmax_headers = 3")
      try await host.reload()
      #expect(try await get("/says", fields: 39, on: connections[0]).status == 431)
    }
  }

  @Test func `A new request_timeout and a new idle_timeout hold for what begins later`() async throws {
    try await withHost([plugin]) { host in
      let (running, connection) = (try host.connect(), try host.connect())
      try await running.send("GET /holds HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "holds")
      try host.configure("[limits]\nrequest_timeout = \"50ms\"\nidle_timeout = \"60ms\"")
      try await host.reload()
      #expect(try await get("/holds", fields: 1, on: connection).status == 504)
      #expect(try await connection.rest().isEmpty, "the host closes the idle connection")
      #expect(try await host.adminJSON("/status").number("requests") == 1, "the running request keeps its limit")
    }
  }

  @Test func `A new jobs_per_request holds for jobs that are spawned later`() async throws {
    try await withHost([plugin], configuration: "[limits]\njobs_per_request = 3") { host in
      #expect(try await host.get("/spawns").text == "3")
      try host.configure("[limits]\njobs_per_request = 70")
      try await host.reload()
      #expect(try await host.get("/spawns").text == "70")
    }
  }

  @Test func `A new level of the log holds for all later lines`() async throws {
    try await withHost([plugin]) { host in
      _ = try await host.get("/says")
      try await host.log.line(containing: "a fact")
      try host.configure("[log]\nlevel = \"debug\"")
      try await host.reload()
      let position = host.log.position
      _ = try await host.get("/says")
      try await host.log.line(after: position, containing: "a detail")
      try host.configure("threads = 2\n[log]\nlevel = \"warning\"")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      let quiet = host.log.position
      _ = try await host.get("/says")
      try await host.log.line(after: quiet, containing: "a warning")
      #expect(host.log.lines { $0.number > quiet && $0.contains("a fact") }.isEmpty)
      #expect(host.log.lines { $0.number < position && $0.contains("a detail") }.isEmpty)
    }
  }

  private func post(_ body: String, on connection: Client) async throws -> ReceivedResponse {
    try await connection.send(
      "POST /size HTTP/1.1\r\nHost: ambit\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    return try await connection.response()
  }

  private func get(_ target: String, fields count: Int, on connection: Client) async throws -> ReceivedResponse {
    try await connection.send("GET \(target) HTTP/1.1\r\n\(fields(count))")
    return try await connection.response()
  }

  /// The header fields of a head, `count` in all.
  private func fields(_ count: Int) -> String {
    "Host: ambit\r\n" + String(repeating: "X-Field: 1\r\n", count: count - 1) + "\r\n"
  }

  private var plugin: PluginFile {
    .source(
      """
      #include <ambit.h>
      static int32_t rest(ambit_scope *scope, void *arg) {
        (void)arg;
        return ambit_sleep(scope, AMBIT_SECONDS(3600));
      }
      static int32_t spawns(ambit_scope *scope) {
        int count = 0;
        while (ambit_spawn(scope, rest, NULL, NULL, NULL) == AMBIT_OK) count++;
        return ambit_respondf(scope, 200, "text/plain", "%d", count);
      }
      static int32_t holds(ambit_scope *scope) {
        ambit_logf(scope, AMBIT_INFO, "holds");
        return ambit_sleep(scope, AMBIT_SECONDS(3600));
      }
      static int32_t size(ambit_scope *scope) {
        ambit_str body;
        int32_t status = ambit_body(scope, &body);
        return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%zu", body.len) : status;
      }
      static int32_t says(ambit_scope *scope) {
        ambit_logf(scope, AMBIT_DEBUG, "a detail");
        ambit_logf(scope, AMBIT_INFO, "a fact");
        ambit_logf(scope, AMBIT_WARNING, "a warning");
        return ambit_respondf(scope, 200, "text/plain", "said");
      }
      static const ambit_route routes[] = {
          {.pattern = "GET /spawns", .handler = spawns}, {.pattern = "GET /holds", .handler = holds},
          {.pattern = "POST /size", .handler = size}, {.pattern = "GET /says", .handler = says}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "limited", .version = "1", .routes = routes, .route_count = 4};
      """, name: "limited")
  }
}
