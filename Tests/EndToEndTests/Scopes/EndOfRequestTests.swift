import TestSupport
import Testing

/// The end of a request, for each cause except the shutdown.
@Suite struct `End of a request` {
  @Test func `A client that leaves wakes handler and job with cause disconnect`() async throws {
    try await expectDisconnect(of: "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n") { $0.close() }
  }

  @Test func `A reset counts as a client that leaves`() async throws {
    try await expectDisconnect(of: "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n") { $0.reset() }
  }

  @Test func `A half-close counts as a client that leaves`() async throws {
    try await expectDisconnect(of: "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n") { $0.halfClose() }
  }

  @Test func `A client that half-closes behind its request still gets a response that needs no wait`() async throws {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /ping HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connection.halfClose()
      #expect(try await connection.response().text == "pong\n")
      #expect(try await connection.rest().isEmpty)
    }
  }

  @Test func `A client that leaves is noticed while the body is unread`() async throws {
    let head = "POST /unread HTTP/1.1\r\nHost: ambit\r\nContent-Length: 100000\r\n\r\n"
    try await expectDisconnect(of: head + String(repeating: "x", count: 50_000)) { $0.close() }
  }

  @Test func `A client that leaves is noticed when the whole body has arrived but is unread`() async throws {
    let head = "POST /unread HTTP/1.1\r\nHost: ambit\r\nContent-Length: 500000\r\n\r\n"
    try await expectDisconnect(of: head + String(repeating: "x", count: 500_000)) { $0.reset() }
  }

  @Test func `A client that leaves is noticed with a pipelined request buffered, which never runs`() async throws {
    let requests =
      "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n" + "GET /pause HTTP/1.1\r\nHost: ambit\r\n\r\n"
    try await expectDisconnect(of: requests) { $0.close() }
  }

  @Test func `A client that leaves is noticed with many pipelined requests in flight`() async throws {
    let next = "GET /pause HTTP/1.1\r\nHost: ambit\r\nX-Filler: \(String(repeating: "x", count: 1000))\r\n\r\n"
    let requests = "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n" + String(repeating: next, count: 500)
    try await expectDisconnect(of: requests) { $0.reset() }
  }

  @Test func `A deadline is answered with 504 and cancels handler and job`() async throws {
    try await withHost([.probe("waits")], configuration: "[limits]\nrequest_timeout = \"200ms\"") { host in
      let answer = try await host.get("/wait")
      #expect(answer.status == 504)
      try await host.log.line(containing: "scope closed")
      #expect(host.log.lines { $0.contains("woken") && $0.contains("status=-1 cause=deadline") }.count == 2)
    }
  }

  @Test func `A request that ends in time is not touched by its deadline`() async throws {
    try await withHost([.probe("waits")], configuration: "[limits]\nrequest_timeout = \"20s\"") { host in
      let answer = try await host.get("/pause")
      #expect(answer.text == "rested\n")
    }
  }

  @Test func `A handler that cancels its scope finds cause called, and its waits fail`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /cancel-itself HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler before=none after=called sleep=-1")
      try await host.log.line(containing: "scope closed")
      #expect(host.log.lines { $0.contains("ended cancelled outcome=cancelled code=-1") }.count == 1)
    }
  }

  /// Sends `request`, has the client leave while handler and job wait, and expects both to be woken once, and the scope
  /// to be closed, with nothing else run.
  private func expectDisconnect(of request: String, by leaving: @escaping @Sendable (Client) -> Void) async throws {
    try await withHost([.probe("waits")], configuration: "threads = 1") { host in
      let connection = try host.connect()
      try await connection.send(request)
      try await host.log.line(containing: "job waits")
      try await host.log.line(containing: "handler waits")
      #expect(host.log.lines { $0.contains("woken") }.isEmpty)
      leaving(connection)
      try await host.log.line(containing: "scope closed")
      let woken = host.log.lines { $0.contains("woken") }.map(\.text).sorted()
      #expect(woken == ["handler woken status=-1 cause=disconnect", "job woken status=-1 cause=disconnect"])
      #expect(try await host.get("/ping").text == "pong\n", "the loop serves on")
      #expect(host.log.lines { $0.contains("pause begun") }.isEmpty)
    }
  }
}
