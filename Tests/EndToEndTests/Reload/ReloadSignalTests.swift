import Foundation
import Glibc
import TestSupport
import Testing

/// SIGHUP at every moment of the host's life.
@Suite struct `Signals to reload` {
  @Test func `A hundred signals in one second lead to a handful of reloads, and the last state serves`() async throws {
    try await withHost([Self.signalling("first", at: "")]) { host in
      let second = Self.signalling("second", at: "")
      let clock = ContinuousClock()
      let start = clock.now
      for number in 0..<100 {
        if number == 99 { try await second.install(in: host.plugins) }
        host.child.signal(SIGHUP)
        // The rate matters here, so the clock counts.
        try await clock.sleep(until: start + .milliseconds(10 * (number + 1)))
      }
      let quarters = Int((clock.now - start) / .milliseconds(250))
      try await host.log.line { $0.contains("reload done") && $0.field("changed") == "1" }
      #expect(try await host.get("/my").text == "second\n")
      try await host.reloadOnRequest()
      let reloads = host.log.lines { $0.contains("reload done") }
      print("a hundred signals led to \(reloads.count - 1) reloads")
      // One at once, and one for each quarter of a second. A busy machine takes longer to send the signals.
      #expect((1...quarters + 4).contains(reloads.count - 1))
      #expect(reloads.last?.field("kept") == "1", "what serves is what lies there")
    }
  }

  @Test func `A signal during the start leads to a reload once the host serves`() async throws {
    try await withHost([Self.signalling("first", at: "start")]) { host in
      let done = try await host.log.line(containing: "reload done")
      let serving = try await host.log.line(containing: "serving")
      #expect(serving.number < done.number)
      #expect(try await host.get("/my").text == "first\n")
    }
  }

  @Test func `A signal during a reload leads to one further reload`() async throws {
    try await withHost([Self.signalling("first", at: "")]) { host in
      try await Self.signalling("second", at: "start").install(in: host.plugins)
      host.child.signal(SIGHUP)
      let done = try await host.log.lines(2) { $0.contains("reload done") }
      #expect(done.map { $0.field("changed") } == ["1", "0"])
      #expect(try await host.get("/my").text == "second\n")
    }
  }

  @Test func `A signal while the host drains has no effect`() async throws {
    try await withHost([.probe("background")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "stopping")
      for _ in 0..<10 { host.child.signal(SIGHUP) }
      connection.close()
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.contains("reload") }.isEmpty)
    }
  }

  @Test func `A signal to reload interrupts no system call of a plugin`() async throws {
    let source = """
      #include <ambit.h>
      #include <errno.h>
      #include <poll.h>
      #include <stdio.h>
      static int32_t blocked(ambit_scope *scope) {
        dprintf(2, "blocked\\n");
        int result = poll(NULL, 0, 500);
        return ambit_respondf(scope, 200, "text/plain", "%d %d\\n", result, result < 0 ? errno : 0);
      }
      static const ambit_route routes[] = {{.pattern = "GET /blocked", .handler = blocked, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "blocking", .routes = routes, .route_count = 1};
      """
    try await withHost([.source(source, name: "blocking"), .sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /blocked HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.text == "blocked" }
      for _ in 0..<3 {
        host.child.signal(SIGUSR2)
        try await host.reload()
      }
      #expect(try await connection.response().text == "0 0\n")
    }
  }

  @Test
  func `Old and new generation answer side by side on one connection, each the requests it began with`()
    async throws
  {
    try await withHost([Self.waiting("old")]) { host in
      let connection = try host.connect()
      try await connection.send(
        "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /who HTTP/1.1\r\nHost: a\r\n\r\n")
      try await host.log.line { $0.text == "old waits" }
      try await Self.waiting("new").install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/who").text == "new\n")
      #expect(try await host.get("/go").text == "new\n")
      #expect(try await connection.response().text == "old, job of old\n")
      #expect(try await connection.response().text == "new\n")
    }
  }

  /// A plugin `my` that answers with `text`, and sends the supervisor a SIGHUP in its `start` if asked to.
  private static func signalling(_ text: String, at moment: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <signal.h>
      #include <unistd.h>
      static int32_t start(ambit_scope *plugin) {
        if (\(moment == "start" ? 1 : 0) && ambit_extension(plugin, "ambit.dry_run/1") == NULL) kill(getppid(), SIGHUP);
        return AMBIT_OK;
      }
      static int32_t handle(ambit_scope *scope) {
        return ambit_respondf(scope, 200, "text/plain", "\(text)\\n");
      }
      static const ambit_route routes[] = {{.pattern = "GET /my", .handler = handle}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "my", .routes = routes, .route_count = 1, .start = start};
      """, name: "my")
  }

  /// A plugin whose `GET /wait` waits, with a job, until a client asks for `GET /go`.
  private static func waiting(_ text: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <fcntl.h>
      #include <stdio.h>
      #include <unistd.h>
      static int32_t wait_for_go(ambit_scope *scope, void *arg) {
        while (access("gone", F_OK) != 0)
          if (ambit_sleep(scope, AMBIT_MILLISECONDS(1)) != AMBIT_OK) return AMBIT_CANCELLED;
        *(const char **)arg = "\(text)";
        return AMBIT_OK;
      }
      static int32_t hold(ambit_scope *scope) {
        const char *by = "nobody";
        ambit_spawn(scope, wait_for_go, &by, NULL, NULL);
        dprintf(2, "\(text) waits\\n");
        ambit_status status = ambit_join_all(scope, -1);
        return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "\(text), job of %s\\n", by) : status;
      }
      static int32_t who(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)\\n"); }
      static int32_t go(ambit_scope *scope) {
        close(open("gone", O_CREAT | O_WRONLY, 0600));
        return who(scope);
      }
      static const ambit_route routes[] = {{.pattern = "GET /wait", .handler = hold},
        {.pattern = "GET /who", .handler = who}, {.pattern = "GET /go", .handler = go}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "waiting", .routes = routes, .route_count = 3};
      """, name: "waiting")
  }
}
