import Foundation
import TestSupport
import Testing

/// The end of a generation: its requests, then its background work, then its `stop`.
@Suite struct `Retiring a generation` {
  @Test func `Retiring cancels a generation's background work with cause retired, and stops it afterwards`()
    async throws
  {
    try await withHost([.probe("background"), .sample("hello")]) { host in
      try await host.log.line(containing: "background waits")
      try remove("background", from: host)
      #expect(try await host.reload().field("removed") == "1")
      let stopped = try await host.log.line { $0.text == "stopped" }
      let woken = host.log.lines { $0.contains("background woken status=-1 cause=retired") }
      #expect(woken.count == 1)
      #expect(woken.allSatisfy { $0.number < stopped.number })
    }
  }

  @Test func `Retiring waits for running requests, and cancels them when the drain timeout is over`() async throws {
    let settings = "drain_timeout = \"300ms\""
    try await withHost([.probe("background"), .sample("hello")], configuration: settings) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      try remove("background", from: host)
      try await host.reload()
      #expect(try await host.get("/wait").status == 404, "new requests do not get there")
      try await host.log.line { $0.text == "stopped" }
      #expect(host.log.lines { $0.contains("woken status=-1 cause=retired") }.count == 2)
      #expect(host.log.lines { $0.contains("handler woken") }.count == 1)
    }
  }

  @Test func `Retiring does not cancel running requests before the drain timeout is over`() async throws {
    // With many loops, request and background work are most likely on different ones.
    let settings = "threads = 8\ndrain_timeout = \"1h\""
    try await withHost([.probe("background"), .sample("hello")], configuration: settings) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      try remove("background", from: host)
      try await host.reload()
      #expect(host.log.lines { $0.contains("woken") || $0.text == "stopped" }.isEmpty)
      connection.close()
      try await host.log.line { $0.text == "stopped" }
      let causes = host.log.lines { $0.contains("woken") }.compactMap { $0.field("cause") }
      #expect(causes == ["disconnect", "retired"])
    }
  }

  @Test(arguments: [("/end", "called"), ("/limit", "deadline")])
  func `A plugin that ends its own scope ends it on every loop, and is still stopped`(
    path: String, cause: String
  ) async throws {
    // With many loops, request and background work are most likely on different ones.
    try await withHost([.probe("background"), .sample("hello")], configuration: "threads = 8") { host in
      try await host.log.line(containing: "background waits")
      _ = try await host.answer(to: "POST \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "background woken status=-1 cause=\(cause)")
      let answer = try await eventually(within: .seconds(30), until: { $0.status == 503 }) {
        try await host.get("/wait")
      }
      #expect(answer.text == "503 Service Unavailable: the plugin of this route has ended\n")
      try remove("background", from: host)
      try await host.reload()
      try await host.log.line { $0.text == "stopped" }
      try await host.log.line(containing: "plugin generation retired")
      #expect(host.log.lines { $0.text == "plugin closed" }.count == 1)
    }
  }

  @Test func `A generation is stopped at the end of the host too, and its work is cancelled with cause shutdown`()
    async throws
  {
    try await withHost([.probe("background")]) { host in
      try await host.log.line(containing: "background waits")
      #expect(await host.stop() == .exited(0))
      let stopped = try await host.log.line { $0.text == "stopped" }
      let woken = try await host.log.line(containing: "background woken status=-1 cause=shutdown")
      #expect(woken.number < stopped.number)
      #expect(host.log.lines { $0.text == "plugin closed" }.map(\.number) == [stopped.number + 1])
    }
  }

  private func remove(_ plugin: String, from host: Host) throws {
    try FileManager.default.removeItem(at: host.plugins.appending(path: "\(plugin).so"))
  }
}
