import Foundation
import Glibc
import TestSupport
import Testing

/// What the admin API answers.
@Suite struct `The admin API` {
  @Test func `The admin API reports what serves as JSON`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await host.admin("/status", "-i")
      #expect(answer.text.contains("HTTP/1.1 200 OK\r\n"))
      #expect(answer.text.contains("Content-Type: application/json\r\n"))
      let status = try await host.adminJSON("/status")
      #expect(status.number("pid") == Int(host.child.pid))
      #expect(status.text("state") == "serving")
      #expect(status.text("configuration") == "host.conf")
      #expect(status.texts("listen") == ["http://127.0.0.1:\(host.port)"])
      #expect(status.objects("loops").map { $0.flag("answers") } == [true, true])
      let generation = try #require(status.objects("generations").first)
      #expect(generation.text("generation") == "hello/1")
      #expect(generation.text("plugin") == "hello")
      #expect(generation.text("state") == "serving")
      #expect(generation.text("file") == "Plugins/hello.so")
      #expect(generation.text("sha256")?.count == 64)
      #expect(generation.number("requests") == 0)
      #expect(generation.number("jobs") == 0)
      #expect(generation.texts("routes").contains("GET /hello/{name}"))
    }
  }

  @Test func `The admin API answers people in plain text, and clients that accept both in JSON`() async throws {
    try await withHost([.sample("hello")]) { host in
      let text = try await host.admin("/status", "-H", "Accept: text/plain").text
      #expect(text.contains("pid \(host.child.pid), serving since"))
      #expect(text.contains(/hello\/1 +serving/))
      let both = try await host.admin("/status", "-H", "Accept: text/plain, application/json").text
      #expect(both.hasPrefix("{"))
    }
  }

  @Test func `The admin API counts requests in flight without its own`() async throws {
    try await withHost([.probe("waits")]) { host in
      #expect(try await host.adminJSON("/status").number("requests") == 0)
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      let status = try await host.adminJSON("/status")
      #expect(status.number("requests") == 1)
      #expect(status.number("connections") == 1)
    }
  }

  @Test func `The admin API lists libraries whose functions are routes beside the plugins`() async throws {
    let route = "[[route]]\nmatch = 'GET /cos/{x}'\ncall = 'libm.so.6: f64 cos(f64 x)'"
    try await withHost([.sample("hello")], configuration: route) { host in
      let generations = try await host.adminJSON("/status").objects("generations")
      #expect(generations.map { $0.text("plugin") } == ["hello", "libm.so.6"])
      #expect(generations.map { $0.text("sha256") != nil } == [true, false])
      #expect(generations.last?.texts("routes") == ["GET /cos/{x}"])
      let text = try await host.admin("/status", "-H", "Accept: text/plain").text
      #expect(text.contains(/libm.so.6\S* +serving .* libm.so.6\n/))
    }
  }

  @Test func `The admin API shows what holds a generation that is being retired, and what stays of it`() async throws {
    try await withHost([.probe("waits")], configuration: "drain_timeout = \"1h\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      unlink(host.plugins.appending(path: "waits.so").filePath)
      try await host.reload()
      let retiring = try #require(await host.adminJSON("/status").objects("generations").first)
      #expect(retiring.text("state") == "retiring")
      #expect(retiring.number("requests") == 1)
      #expect(retiring.number("jobs") == 1)
      #expect(retiring.texts("held_by").contains { $0.contains(#/^request [0-9a-f]{8}-[0-9]+ \(GET \/wait\)$/#) })
      let text = try await host.admin("/status", "-H", "Accept: text/plain").text
      #expect(text.contains(#/\n  held by request [0-9a-f]{8}-[0-9]+ \(GET \/wait\)\n/#))
      connection.close()
      try await host.log.line(containing: "plugin generation retired")
      let status = try await host.adminJSON("/status")
      #expect(status.objects("generations").map { $0.text("state") } == ["resident"])
      #expect(status.object("residents").number("count") == 1)
      #expect(status.object("residents").number("memory_bytes").map { $0 > 4096 } == true)
      let resident = try await host.admin("/status", "-H", "Accept: text/plain").text
      #expect(resident.contains(/waits +1 +[0-9]+ KiB +it does not declare AMBIT_PLUGIN_UNLOADABLE/))
    }
  }

  @Test func `The admin API answers while a handler blocks every loop, and names the blocked loops`() async throws {
    let blocking = PluginFile.source(blockingPlugin, name: "stuck")
    try await withHost([blocking], configuration: "threads = 1") { host in
      let connection = try host.connect()
      try await connection.send("GET /stuck HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "stuck from now on")
      let status = try await host.adminJSON("/status")
      #expect(status.objects("loops").map { $0.flag("answers") } == [false])
      #expect(try await host.admin("/status", "-H", "Accept: text/plain").text.contains(", blocked: "))
      try host.directory.write("", as: "go")
      #expect(try await connection.response().status == 200)
    }
  }

  @Test func `The admin API counts how often loops were blocked`() async throws {
    let plugin = PluginFile.source(blockingPlugin, name: "stuck")
    try await withHost([plugin], configuration: "threads = 1\nstall_warning = \"50ms\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /stuck HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "stuck from now on")
      try await eventually(within: .seconds(30), until: { $0 != 0 }) {
        try await host.adminJSON("/status").number("stalls")
      }
      try host.directory.write("", as: "go")
      #expect(try await connection.response().status == 200)
      // A busy machine may have kept a loop from running besides.
      let text = try await host.admin("/status", "-H", "Accept: text/plain").text
      #expect(text.contains(#/ [1-9][0-9]* blocked loops? so far in the workers that serve\n/#), "\(text)")
    }
  }

  @Test func `The admin API counts jobs that ignore their cancellation, until they return`() async throws {
    let plugin = PluginFile.source(stayingPlugin, name: "stays")
    try await withHost([plugin], configuration: "cancel_grace = \"10ms\"") { host in
      #expect(try await host.get("/leave").text == "left\n")
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        try await host.adminJSON("/status").number("stuck_jobs")
      }
      try host.directory.write("", as: "go")
      try await eventually(within: .seconds(30), until: { $0 == 0 }) {
        try await host.adminJSON("/status").number("stuck_jobs")
      }
    }
  }

  @Test func `The admin API shows scopes and jobs`() async throws {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      let tree = try await host.adminJSON("/scopes")
      let request = try #require(tree.objects("entries").first { $0.text("entry") == "scope request" })
      #expect(request.text("route") == "GET /wait")
      let text = try await host.admin("/scopes", "-H", "Accept: text/plain").text
      #expect(text.contains("\n    scope request plugin=waits/1 route=\"GET /wait\""))
    }
  }

  @Test func `The admin API answers requests for unknown paths as any server does`() async throws {
    try await withHost([.sample("hello")]) { host in
      #expect(try await host.admin("/nothing", "-i").text.contains("HTTP/1.1 404 "))
      let wrong = try await host.admin("/reload", "-i").text
      #expect(wrong.contains("HTTP/1.1 405 ") && wrong.contains("Allow: POST"))
      #expect(try await host.admin("/hello/World", "-i").text.contains("HTTP/1.1 404 "), "plugins are elsewhere")
      #expect(try await host.get("/status").status == 404)
    }
  }

  @Test func `The admin API answers while the host drains, and refuses to reload then`() async throws {
    try await withHost([.probe("waits")], configuration: "drain_timeout = \"1h\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "stopping")
      #expect(try await host.adminJSON("/status").text("state") == "draining")
      let refused = try await host.admin("/reload", "-i", "-X", "POST").text
      #expect(refused.contains("HTTP/1.1 503 ") && refused.contains("the host is stopping"))
      connection.close()
      #expect(await host.child.status == .exited(0))
    }
  }

  /// A plugin whose job stays on its thread until the file "go" exists, even after its request has ended.
  private var stayingPlugin: String {
    """
    #include <ambit.h>
    #include <unistd.h>
    static int32_t stay(ambit_scope *scope, void *unused) {
      (void)scope, (void)unused;
      while (access("go", F_OK) != 0) usleep(1000);
      return AMBIT_OK;
    }
    static int32_t leave(ambit_scope *scope) {
      ambit_job_options options = {.size = sizeof options, .name = "stay", .flags = AMBIT_JOB_THREAD};
      ambit_spawn(scope, stay, NULL, &options, NULL);
      return ambit_respondf(scope, 200, "text/plain", "left\\n");
    }
    static const ambit_route routes[] = {{.pattern = "GET /leave", .handler = leave}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "stays", .version = "1.0", .routes = routes, .route_count = 1};
    """
  }

  private var blockingPlugin: String {
    """
    #include <ambit.h>
    #include <stdio.h>
    #include <unistd.h>
    static int32_t stuck(ambit_scope *scope) {
      fputs("stuck from now on\\n", stderr);
      while (access("go", F_OK) != 0) usleep(1000);
      return ambit_respondf(scope, 200, "text/plain", "free\\n");
    }
    static const ambit_route routes[] = {{.pattern = "GET /stuck", .handler = stuck}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "stuck", .version = "1.0", .routes = routes, .route_count = 1};
    """
  }
}
