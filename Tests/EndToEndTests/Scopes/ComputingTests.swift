import Glibc
import TestSupport
import Testing

/// Plugin code that computes on an event loop ends with its scope if it asks `ambit_cancelled`.
@Suite struct `Code that computes on an event loop` {
  private func lines(_ host: Host) -> [String] {
    host.log.lines { $0.text.hasPrefix("handler ") || $0.text.hasPrefix("job ") }.map(\.text)
  }

  @Test func `A handler that computes ends at request_timeout, and the loop goes on`() async throws {
    let configuration = "threads = 1\n[limits]\nrequest_timeout = \"200ms\""
    try await withHost([.fixture("computes")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /handler HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let answer = try await connection.response()
      #expect(answer.status == 504)
      try await connection.send("GET /quick HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().text == "quick")
      #expect(lines(host) == ["handler computes", "handler ended, cause=deadline", "handler told"])
    }
  }

  @Test func `A handler that computes ends when its client leaves`() async throws {
    try await withHost([.fixture("computes")], configuration: "threads = 1") { host in
      let connection = try host.connect()
      try await connection.send("GET /handler HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler computes")
      connection.close()
      try await host.log.line(containing: "handler told")
      let answer = try await host.get("/quick")
      #expect(answer.text == "quick")
      #expect(lines(host) == ["handler computes", "handler ended, cause=disconnect", "handler told"])
    }
  }

  @Test(arguments: ["/handler", "/background"])
  func `A handler that computes ends when the host stops and the drain is over`(path: String) async throws {
    let name = path == "/handler" ? "handler" : "job"
    try await withHost([.fixture("computes")], configuration: "threads = 1\ndrain_timeout = \"100ms\"") { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "\(name) computes")
      #expect(await host.stop() == .exited(0))
      #expect(lines(host) == ["\(name) computes", "\(name) ended, cause=shutdown", "\(name) told"])
      #expect(host.log.lines { $0.contains("left behind") || $0.contains("is stuck") }.isEmpty)
    }
  }
}
