import Foundation
import Glibc
import TestSupport
import Testing

/// SIGHUP loads new files and settings and retires old ones, or changes nothing if there is an error.
@Suite struct `Reloading` {
  @Test func `A reload loads a plugin that was dropped into the directory`() async throws {
    try await withHost([.sample("hello")]) { host in
      #expect(try await host.get("/my").status == 404)
      try await answering("first").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("ms").flatMap { Int($0) } != nil)
      #expect(done.field("added") == "1")
      #expect(done.field("kept") == "1")
      #expect(done.field("failed") == "0")
      #expect(try await host.get("/my").text == "first\n")
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
    }
  }

  @Test func `A reload replaces a plugin by its new version on an open connection`() async throws {
    try await withHost([answering("first")]) { host in
      let connection = try host.connect()
      let request = "GET /my HTTP/1.1\r\nHost: ambit\r\n\r\n"
      try await connection.send(request)
      #expect(try await connection.response().text == "first\n")
      try await answering("second").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      try await connection.send(request)
      #expect(try await connection.response().text == "second\n")
    }
  }

  @Test func `A reload removes the routes of a plugin whose file is gone`() async throws {
    try await withHost([.sample("hello"), answering("first")]) { host in
      unlink(host.plugins.appending(path: "my.so").filePath)
      let done = try await host.reload()
      #expect(done.field("removed") == "1")
      #expect(try await host.get("/my").status == 404)
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A reload carries over plugins that have not changed`() async throws {
    try await withHost([.sample("simple_service"), answering("first")]) { host in
      let position = host.log.position
      #expect(try await host.reload().field("kept") == "2")
      #expect(try await host.get("/simple").status == 200)
      let step = try await host.log.line(after: position, containing: "step 1 of 5")
      #expect(step.field("plugin") == "simple_service/1")
    }
  }

  @Test func `A reload does not touch the background work of a plugin that has not changed`() async throws {
    try await withHost([.probe("background")]) { host in
      try await host.log.line(containing: "background waits")
      let before = try #require(await host.adminJSON("/status").objects("generations").first)
      try await answering("new").install(in: host.plugins)
      #expect(try await host.reload().field("kept") == "1")
      let after = try #require(await host.adminJSON("/status").objects("generations").first)
      #expect(after.text("generation") == "background/1")
      #expect(after.text("since") == before.text("since"))
      #expect(after.number("jobs") == 1 && before.number("jobs") == 1)
      #expect(host.log.lines { $0.contains("woken") || $0.text == "stopped" }.isEmpty)
    }
  }

  @Test func `A reload lets a running request finish on the generation that it began with`() async throws {
    try await withHost([waiting(answer: "old")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /my HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "old waits")
      try await waiting(answer: "new").install(in: host.plugins)
      try await host.reload()
      let second = try host.connect()
      try await second.send("GET /my HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "new waits")
      #expect(try await host.get("/my/go").text == "new\n")
      #expect(try await second.response().text == "new\n")
      #expect(try await connection.response().text == "old\n")
    }
  }

  @Test func `New settings reach a plugin whose file is the same`() async throws {
    try await withHost([.sample("hello")], configuration: "[plugin.hello]\ngreeting = \"Hi\"") { host in
      #expect(try await host.get("/hello/you").text == "Hi, you!\n")
      try host.configure("[plugin.hello]\ngreeting = \"Bye\"")
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/hello/you").text == "Bye, you!\n")
    }
  }

  @Test(arguments: [
    ("text", Array("#!/bin/sh\n".utf8)), ("nothing", []),
    ("the start of a library", Array("\u{7f}ELF\u{2}\u{1}\u{1}".utf8)),
  ])
  func `A reload keeps the old version when the new file holds something else than a plugin`(
    what: String, bytes: [UInt8]
  ) async throws {
    try await withHost([answering("good"), .sample("hello")]) { host in
      let position = host.log.position
      try await PluginFile.bytes(bytes, name: "my").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("failed") == "1")
      #expect(host.log.lines { $0.number > position && $0.contains("my.so") }.isEmpty == false)
      #expect(try await host.get("/my").text == "good\n")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A reload keeps the old version when the new one has no entry`() async throws {
    try await withHost([answering("good")]) { host in
      try await PluginFile.source("int nothing;\n", name: "my").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let errorLine = try await host.log.line { $0.contains("my.so") && $0.contains("ambit_plugin_entry") }
      #expect(errorLine.contains("ERROR"))
      #expect(try await host.get("/my").text == "good\n")
    }
  }

  @Test func `A conflict of routes keeps both plugins as they were and names both`() async throws {
    try await withHost([.sample("hello"), answering("good")]) { host in
      try await source(route: "GET /hello/{who}", body: "return AMBIT_OK;").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line { $0.contains("hello") && $0.contains("my") && $0.contains("GET /hello/{who}") }
      #expect(try await host.get("/my").text == "good\n")
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
    }
  }

  @Test func `A reload changes nothing when host.conf is broken, and names the line`() async throws {
    let settings = "[plugin.hello]\ngreeting = \"Hi\""
    try await withHost([.sample("hello")], configuration: settings) { host in
      try await answering("new").install(in: host.plugins)
      try host.configure("lisen = 1\n[limits]\nmax_body = \"8 megs\"\n[plugin.hello]\ngreeting = \"Bye\"")
      host.child.signal(SIGHUP)
      // The harness writes two lines before these.
      let key = try await host.log.line(containing: "host.conf:3:1")
      #expect(key.contains("\"lisen\"") && key.contains("\"listen\""))
      let size = try await host.log.line(containing: "host.conf:5:1")
      #expect(size.contains("limits.max_body") && size.contains("\"8 megs\""))
      try await host.log.line(containing: "reload refused")
      #expect(try await host.get("/hello/you").text == "Hi, you!\n")
      #expect(try await host.get("/my").status == 404)

      try host.configure(settings)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/my").text == "new\n")
    }
  }

  @Test func `Signals during a reload lead to one further reload, after which all is loaded`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await answering("first").install(in: host.plugins)
      for _ in 0..<10 { host.child.signal(SIGHUP) }
      try await host.log.line(containing: "reload done")
      try await answering("second").install(in: host.plugins)
      host.child.signal(SIGHUP)
      try await host.log.line { $0.contains("reload done") && $0.field("changed") == "1" }
      #expect(try await host.get("/my").text == "second\n")
    }
  }
}

/// A plugin `my` that answers `GET /my` with one line.
private func answering(_ text: String) -> PluginFile {
  source(route: "GET /my", body: "return ambit_respondf(scope, 200, \"text/plain\", \"\(text)\\n\");")
}

/// A plugin `my` with one route.
private func source(route: String, body: String) -> PluginFile {
  .source(
    """
    #include <ambit.h>
    static int32_t handle(ambit_scope *scope) { (void)scope; \(body) }
    static const ambit_route routes[] = {{.pattern = "\(route)", .handler = handle}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "my", .version = "1.0", .routes = routes, .route_count = 1};
    """, name: "my")
}

/// A plugin `my` whose requests wait until the host-wide go-ahead: a request to `/my/go` creates the file `go` in the
/// host's directory, for which handlers of every generation look each millisecond.
private func waiting(answer: String) -> PluginFile {
  .source(
    """
    #include <ambit.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <unistd.h>
    static int32_t handle(ambit_scope *scope) {
      dprintf(2, "\(answer) waits\\n");
      while (access("go", F_OK) != 0)
        if (ambit_sleep(scope, 1000000) != AMBIT_OK) return AMBIT_CANCELLED;
      return ambit_respondf(scope, 200, "text/plain", "\(answer)\\n");
    }
    static int32_t go(ambit_scope *scope) {
      close(open("go", O_CREAT | O_WRONLY, 0600));
      return ambit_respondf(scope, 200, "text/plain", "\(answer)\\n");
    }
    static const ambit_route routes[] = {
      {.pattern = "GET /my", .handler = handle}, {.pattern = "GET /my/go", .handler = go}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "my", .version = "1.0", .routes = routes, .route_count = 2};
    """, name: "my")
}
