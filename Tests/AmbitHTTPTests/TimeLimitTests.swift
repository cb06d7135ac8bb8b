import AmbitRuntime
import AmbitSystem
import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// What happens when somebody takes too long.
@Suite struct TimeLimits {
  private static let short: Int64 = 5_000_000
  /// Time enough for a client on a busy machine to send a request.
  private static let long: Int64 = 1_000_000_000

  @Test(arguments: ["G", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"])
  func `A head that does not end in time is answered with 408`(sent: String) throws {
    var limits = HTTPLimits()
    limits.headTimeout = Self.short
    let server = try TestServer([TestRoute("GET /", Handlers.ok)], limits: limits)
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n\(sent)")
    #expect(try client.reply().status == 200)
    let reply = try client.reply()
    #expect(reply.status == 408 && reply["connection"] == "close")
    #expect(client.rest().isEmpty)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `The time limit of a request counts from its first byte`() throws {
    var limits = HTTPLimits()
    limits.requestTimeout = 60_000_000_000
    let handler = TestRoute("GET /deadline") { scope in
      let text = "\(ambit_deadline(scope))"
      return ambit_respond(scope, 200, nil, text, text.utf8.count)
    }
    let server = try TestServer([handler], limits: limits)
    let slow = try Client(server)
    try slow.send("GET /deadline HTTP/1.1\r\n")
    // The loop answers the other client in the same turn as it reads the first bytes, or later.
    let other = try Client(server)
    try other.send("GET /deadline HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try other.reply().status == 200)
    let answered = Clock.monotonic
    try slow.send("Host: a\r\n\r\n")
    let deadline = try #require(try Int64(slow.reply().text))
    #expect(deadline <= answered + limits.requestTimeout)
  }

  @Test(arguments: ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
  func `An idle connection is closed without a response`(sent: String) throws {
    var limits = HTTPLimits()
    limits.idleTimeout = sent.isEmpty ? Self.short : Self.long
    let server = try TestServer([TestRoute("GET /", Handlers.ok)], limits: limits)
    let client = try Client(server)
    try client.send(sent)
    if !sent.isEmpty { #expect(try client.reply().status == 200) }
    #expect(client.rest().isEmpty)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: ["write", "respond", "job"])
  func `The host closes the connection of a client that takes nothing of its response`(path: String) throws {
    var limits = HTTPLimits()
    limits.idleTimeout = Self.long
    let server = try TestServer(
      [
        TestRoute("GET /respond") { scope in
          scope.note("\(ambit_respond(scope, 200, nil, ambit_alloc(scope, 16 << 20), 16 << 20))")
          return AMBIT_OK
        },
        TestRoute("GET /write") { scope in
          _ = ambit_begin(scope, 200, -1)
          scope.note("\(ambit_write(scope, ambit_alloc(scope, 16 << 20), 16 << 20))")
          return AMBIT_OK
        },
        TestRoute("GET /job") { scope in
          leaveTo(scope) { scope, _ in
            scope.note("\(ambit_respond(scope, 200, nil, ambit_alloc(scope, 16 << 20), 16 << 20))")
            return AMBIT_OK
          }
        },
      ], limits: limits)
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "\(AMBIT_CANCELLED)"))
    let received = client.rest().count
    #expect(received < 16 << 20)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: ["GET /hold", "GET /pending", "GET /deaf", "GET /thread"])
  func `A request without any response by its deadline is answered with 504`(request: String) throws {
    let server = try deadlineServer()
    let client = try Client(server)
    for _ in 0..<2 {
      try client.send("\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reply().status == 504)
    }
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
    #expect(server.journal.lines.contains("woken \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DEADLINE)"))
  }

  @Test func `A request whose body has not come by its deadline is answered with 504`() throws {
    let server = try deadlineServer()
    let client = try Client(server)
    try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
    let reply = try client.reply()
    #expect(reply.status == 504 && reply["connection"] == "close")
    #expect(client.rest().isEmpty)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: ["GET /begun", "GET /begunjob"])
  func `A connection is closed when part of a response was sent by the deadline`(request: String) throws {
    let server = try deadlineServer()
    let client = try Client(server)
    try client.send("\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.head().status == 200)
    #expect(client.rest() == Array("4\r\nhalf\r\n".utf8))
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A connection is closed when a slow client has not taken the response by the deadline`() throws {
    let server = try deadlineServer()
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "\(AMBIT_CANCELLED)"))
    #expect(client.rest().count < 16 << 20)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A request that ends before its deadline is not touched by it`() throws {
    let server = try deadlineServer(after: 60_000_000_000)
    let client = try Client(server)
    for _ in 0..<100 {
      try client.send("GET /soon HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reply().status == 200)
    }
  }

  private func deadlineServer(after timeout: Int64 = 200_000_000) throws -> TestServer {
    var limits = HTTPLimits()
    limits.requestTimeout = timeout
    return try TestServer(
      [
        TestRoute("GET /hold", Handlers.hold),
        TestRoute("GET /thread", isBlocking: true, Handlers.hold),
        TestRoute("POST /echo", Handlers.echo),
        TestRoute("GET /pending") { scope in leaveTo(scope) { scope, _ in Handlers.hold(scope) } },
        TestRoute("GET /deaf") { scope in
          for _ in 0..<3 { _ = Handlers.hold(scope) }
          return ambit_respond(scope, 200, nil, "late", 4) == AMBIT_CANCELLED ? AMBIT_OK : AMBIT_FAILED
        },
        TestRoute("GET /begun") { scope in
          _ = ambit_begin(scope, 200, -1)
          _ = ambit_write(scope, "half", 4)
          return Handlers.hold(scope)
        },
        TestRoute("GET /begunjob") { scope in
          leaveTo(scope) { scope, _ in
            _ = ambit_begin(scope, 200, -1)
            _ = ambit_write(scope, "half", 4)
            return Handlers.hold(scope)
          }
        },
        TestRoute("GET /large") { scope in
          scope.note("\(ambit_respond(scope, 200, nil, ambit_alloc(scope, 16 << 20), 16 << 20))")
          return AMBIT_OK
        },
        TestRoute("GET /soon") { scope in
          _ = ambit_sleep(scope, 100_000)
          return AMBIT_OK
        },
      ], limits: limits)
  }
}
