import Foundation
import TestSupport
import Testing

/// Descriptors of the host that a plugin closes, and descriptors that a plugin leaks.
@Suite struct `Descriptors` {
  private static let request = "GET /ok HTTP/1.1\r\nHost: ambit\r\n\r\n"

  @Test func `Descriptors 0 to 2 go to no client when a plugin has closed them`() async throws {
    try await withHost([.probe("descriptors")]) { host in
      #expect(try await host.get("/close-streams").text == "ok\n")
      let clients = try (0..<6).map { _ in try host.connect() }
      for client in clients {
        try await client.send(Self.request)
        #expect(try await client.response().text == "ok\n")
      }
      let line = try await host.log.line(containing: "a plugin closed standard input (0), standard output (1), ")
      #expect(line.contains("ERROR") && line.field("fault") == "plugin", "\(line)")
      #expect(try await host.get("/shout").text == "ok\n")
      // Standard error leads to the log again.
      try await host.log.line { $0.text == "a line on standard error" }
      for client in clients {
        try await client.send(Self.request)
        #expect(try await client.response().text == "ok\n", "nothing but responses comes over a connection")
      }
      #expect(host.log.lines { $0.contains("a plugin closed standard") }.count == 1)
    }
  }

  @Test func `Descriptors 0 to 2 that a start closes are reported with the plugin's name`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t start(ambit_scope *plugin) {
        (void)plugin;
        for (int fd = 0; fd <= 2; fd++) close(fd);
        return AMBIT_OK;
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "closer", .start = start};
      """, name: "closer")
    try await withHost([plugin, .sample("hello")]) { host in
      let line = try await host.log.line {
        $0.contains("start closed standard input") && $0.field("plugin") == "closer/1"
      }
      #expect(line.field("fault") == "plugin", "\(line)")
      #expect(try await host.get("/hello/you").text == "Hello, you!\n")
    }
  }

  @Test func `The descriptor of a connection that a plugin has closed does not become another client's`() async throws {
    let settings = "threads = 1\n[limits]\nidle_timeout = \"3s\""
    try await withHost([.probe("descriptors")], configuration: settings) { host in
      let caller = try host.connect()
      try await caller.send(Self.request)
      #expect(try await caller.response().status == 200)
      let before = try host.descriptors
      let idle = try host.connect()
      try await idle.send(Self.request)
      #expect(try await idle.response().status == 200)
      let number = try #require(try host.descriptors.subtracting(before).first)
      try await caller.send("GET /close/\(number) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await caller.response().status == 200)

      let next = try host.connect()
      try await next.send(Self.request)
      #expect(try await next.response().status == 200)
      let line = try await host.log.line(containing: "a plugin closed descriptor \(number), a client's connection")
      #expect(line.field("fault") == "plugin", "\(line)")
      // The first connection's record ends by its time limit, which must not end the next connection.
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        try await next.send(Self.request)
        #expect(try await next.response().text == "ok\n")
        return try await host.adminJSON("/status").number("connections")
      }
      try await next.send(Self.request)
      #expect(try await next.response().text == "ok\n")
    }
  }

  @Test func `A descriptor that is no longer the log's gets no log lines`() async throws {
    try await withHost([.probe("descriptors")], configuration: "threads = 1") { host in
      let log = try #require(
        try host.descriptors.filter { $0 > 2 && host.target(of: $0) == host.target(of: 2) }.max(), "the log's own")
      for number in try host.descriptors where number > 2 && host.target(of: number) == host.target(of: 2) {
        #expect(try await host.get("/close/\(number)").status == 200)
      }
      #expect(log > 2)
      let clients = try (0..<6).map { _ in try host.connect() }
      for client in clients {
        try await client.send("GET /shout HTTP/1.1\r\nHost: ambit\r\n\r\n" + Self.request)
        for _ in 0..<2 { #expect(try await client.response().text == "ok\n") }
      }
      _ = try await host.log.lines(6) { $0.contains("a line in the log") }
    }
  }

  @Test(.enabled(if: Places.tool("prlimit") != nil))
  func `Descriptors that clients leave free are enough for the admin API and a reload`() async throws {
    try await withHost([.probe("descriptors"), .sample("simple_service")]) { host in
      let limit = try await limitDescriptors(of: host, leaving: 60)
      #expect(try await host.reloadOnRequest().field("failed") == "0")
      let clients = try (0..<limit).map { _ in try host.connect() }
      try await host.log.line(containing: "cannot accept connections: all file descriptors below ")
      #expect(try await ambit("status", in: host.directory).status == .exited(0))
      try await PluginFile.sample("hello").install(in: host.plugins)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0) && reload.text.contains("added"), "\(reload.text) \(reload.errors)")
      try await clients[0].send("GET /hello/you HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await clients[0].response().text == "Hello, you!\n")

      for client in clients.dropLast() { client.close() }
      try await clients[limit - 1].send("GET /hello/last HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await clients[limit - 1].response().text == "Hello, last!\n", "who had to wait is served")
    }
  }

  @Test(.enabled(if: Places.tool("prlimit") != nil))
  func `A plugin that leaks descriptors leaves enough for the admin API and a reload`() async throws {
    try await withHost([.probe("descriptors")]) { host in
      try await limitDescriptors(of: host, leaving: 40)
      let leaker = try host.connect()
      try await leaker.send("GET /leak HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await leaker.response().status == 200)
      #expect(try await ambit("status", in: host.directory).status == .exited(0))
      try await PluginFile.sample("hello").install(in: host.plugins)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0) && reload.text.contains("added"), "\(reload.text) \(reload.errors)")
      try await leaker.send("GET /hello/you HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await leaker.response().text == "Hello, you!\n")
      // The reserve was taken back, and can be lent a second time.
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
    }
  }

  /// Lets the host open `count` more descriptors.
  /// - Returns: the limit of the host.
  @discardableResult
  private func limitDescriptors(of host: Host, leaving count: Int) async throws -> Int {
    let limit = try #require(try host.descriptors.max()) + 1 + count
    let change = try await run("prlimit", ["--pid=\(host.servingProcess)", "--nofile=\(limit):\(limit)"])
    #expect(change.status == .exited(0), "\(change.errors)")
    return limit
  }
}

extension Host {
  /// The numbers of the host's open descriptors.
  fileprivate var descriptors: Set<Int> {
    get throws {
      Set(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(servingProcess)/fd").compactMap { Int($0) })
    }
  }

  /// The target of a descriptor of the host.
  fileprivate func target(of descriptor: Int) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(servingProcess)/fd/\(descriptor)")
  }
}
