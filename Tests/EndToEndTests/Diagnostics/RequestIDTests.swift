import Foundation
import TestSupport
import Testing

/// The identifier of a request: eight digits that each start of the host chooses, and a number.
nonisolated(unsafe) let requestID = #/[0-9a-f]{8}-[0-9]+/#

/// The identifier of a request is the same text for the plugin, the client and the operator.
@Suite struct `Request identifiers` {
  @Test func `One text names a request in the plugin, in all lines of the log, and in ambit status`() async throws {
    try await withHost([plugin], configuration: "threads = 2\nstall_warning = \"20ms\"") { host in
      let id = try await host.get("/id").text
      #expect(id.wholeMatch(of: requestID) != nil, "\(id)")
      let lines = try await host.log.lines(4) { $0.field("request") == id }
      #expect(lines.allSatisfy { $0.field("plugin") == "ids/1" && $0.field("route") == "GET /id" }, "\(lines)")
      #expect(lines.filter { $0.contains("blocked for") }.count == 1, "\(lines)")
      #expect(lines.first { $0.contains("from the job") }?.field("scope") == nil)
      let child = try #require(lines.first { $0.contains("from the child") }?.field("scope"))
      #expect(child.hasSuffix(" inner") && Int(child.dropLast(6)) != nil, "\(child)")
      let connection = try host.connect()
      try await connection.send("GET /waits HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let waiting = try #require(try await host.log.line(containing: "waits").field("request"))
      #expect(waiting != id && waiting.prefix(9) == id.prefix(9), "\(waiting)")
      let entries = try await host.adminJSON("/scopes").objects("entries").filter { $0.text("request") == waiting }
      #expect(entries.map { $0.text("entry") } == ["scope request", "handler"])
      unlink(host.plugins.appending(path: "ids.so").filePath)
      try await host.reload()
      let status = try await ambit("status", in: host.directory).text
      #expect(status.contains("held by request \(waiting) (GET /waits)"), "\(status)")
    }
  }

  @Test(arguments: [("/fails", 500), ("/limited", 503), ("/timed-out", 504), ("/deadline", 504), ("/silent", 500)])
  func `The host's own 500, 503 and 504 show the identifier that the log has`(path: String, status: Int) async throws {
    let configuration = "[[route]]\nmatch = \"GET /deadline\"\ntimeout = \"5ms\""
    try await withHost([plugin], configuration: configuration) { host in
      let answer = try await host.get(path)
      #expect(answer.status == status)
      let start = try #require(answer.text.firstRange(of: " (request ")?.upperBound, "\(answer.text)")
      #expect(answer.text.hasSuffix(")\n"))
      let id = String(answer.text[start...].dropLast(2))
      #expect(id.wholeMatch(of: requestID) != nil, "\(answer.text)")
      try await host.log.line { $0.field("request") == id }
    }
  }

  @Test func `A response that the client caused has no identifier, and neither has one that no plugin saw`()
    async throws
  {
    try await withHost([plugin]) { host in
      for path in ["/not-found", "/nowhere"] {
        let answer = try await host.get(path)
        #expect(answer.status == 404 && !answer.text.contains("request "), "\(answer.text)")
      }
    }
  }

  @Test func `Each start of the host chooses another prefix`() async throws {
    try await withHost([plugin]) { host in
      let first = try await host.get("/id").text
      try await host.startAgain { next in
        let second = try await next.get("/id").text
        #expect(first.prefix(8) != second.prefix(8), "\(first) \(second)")
      }
    }
  }

  private var plugin: PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t job(ambit_scope *scope, void *arg) {
        (void)arg;
        ambit_logf(scope, AMBIT_INFO, "from the job");
        return AMBIT_OK;
      }
      static int32_t id(ambit_scope *scope) {
        ambit_scope *child;
        ambit_scope_options options = ambit_default_scope_options("inner");
        ambit_spawn(scope, job, NULL, NULL, NULL);
        if (ambit_open(scope, &options, &child) != AMBIT_OK) return AMBIT_FAILED;
        ambit_logf(child, AMBIT_INFO, "from the child");
        ambit_close(child);
        usleep(200000);
        ambit_str text = ambit_request_id(scope);
        return ambit_respond(scope, 200, "text/plain", text.ptr, text.len);
      }
      static int32_t waits(ambit_scope *scope) {
        ambit_logf(scope, AMBIT_INFO, "waits");
        return ambit_sleep(scope, AMBIT_SECONDS(3600));
      }
      static int32_t fails(ambit_scope *scope) { return ambit_fail(scope, AMBIT_FAILED, "no"); }
      static int32_t limited(ambit_scope *scope) { (void)scope; return AMBIT_LIMIT; }
      static int32_t timed_out(ambit_scope *scope) { (void)scope; return AMBIT_TIMED_OUT; }
      static int32_t silent(ambit_scope *scope) { (void)scope; return AMBIT_PENDING; }
      static int32_t not_found(ambit_scope *scope) { (void)scope; return AMBIT_NOT_FOUND; }
      static const ambit_route routes[] = {
          {.pattern = "GET /id", .handler = id}, {.pattern = "GET /waits", .handler = waits},
          {.pattern = "GET /fails", .handler = fails}, {.pattern = "GET /limited", .handler = limited},
          {.pattern = "GET /timed-out", .handler = timed_out}, {.pattern = "GET /deadline", .handler = waits},
          {.pattern = "GET /silent", .handler = silent}, {.pattern = "GET /not-found", .handler = not_found}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "ids", .version = "1", .routes = routes, .route_count = 8};
      """, name: "ids")
  }
}
