import AmbitRuntime
import CAmbit
import Dispatch
import TestSupport
import Testing

@testable import AmbitHTTP

/// Handlers that compute and ask now and then whether they are cancelled. Their loop is blocked meanwhile.
@Suite struct `A handler that computes` {
  /// Computes until its scope says that it has ended, or for a minute.
  private static func compute(_ scope: UnsafeMutablePointer<ambit_scope>?) -> ambit_cause {
    let end = ambit_now(scope) + 60_000_000_000
    while ambit_now(scope) < end {
      let cause = ambit_cancelled(scope)
      if cause != AMBIT_CAUSE_NONE { return cause }
    }
    return AMBIT_CAUSE_NONE
  }

  private static let computing: ambit_handler = { scope in
    scope.note("computing")
    scope.note("cause \(compute(scope))")
    return AMBIT_CANCELLED
  }

  private static let answered: ambit_handler = { scope in
    _ = ambit_respond(scope, 200, nil, "x", 1)
    return computing(scope)
  }

  private static let late: ambit_handler = { scope in
    _ = computing(scope)
    return ambit_respond(scope, 200, nil, "late", 4)
  }

  private static let inJob: ambit_handler = { scope in
    var job: OpaquePointer?
    _ = ambit_spawn(scope, { scope, _ in computing(scope) }, nil, nil, &job)
    scope.note("joined \(ambit_join(scope, job, -1, nil, nil))")
    return AMBIT_CANCELLED
  }

  /// The client has read its 504.
  private static let hasAnswer = DispatchSemaphore(value: 0)

  private static let goesOn: ambit_handler = { scope in
    scope.note("cause \(compute(scope))")
    let isAnswered = hasAnswer.wait(timeout: .now() + 60) == .success
    let later = [
      ambit_respond(scope, 200, nil, "late", 4), ambit_begin(scope, 200, -1), ambit_set_header(scope, "A", "b"),
      ambit_write(scope, "late", 4), ambit_spawn(scope, { _, _ in 0 }, nil, nil, nil), ambit_sleep(scope, 1),
    ]
    scope.note("\(isAnswered) \(later)")
    return AMBIT_OK
  }

  private func server(timeout: Int64 = .max) throws -> TestServer {
    var limits = HTTPLimits()
    limits.requestTimeout = timeout
    return try TestServer(Self.routes, limits: limits)
  }

  private static let routes = [
    TestRoute("GET /ok", Handlers.ok), TestRoute("* /computing", computing), TestRoute("GET /answered", answered),
    TestRoute("GET /late", late),
    TestRoute("GET /job", inJob), TestRoute("GET /goes-on", goesOn),
    TestRoute("GET /finishes", finishesOnDisconnect: true, computing),
    TestRoute("GET /thread", isBlocking: true, computing), TestRoute("GET /writes", writes),
    TestRoute("POST /reads", reads),
  ]

  @Test(arguments: ["computing", "job", "thread"])
  func `A handler that computes ends at its deadline, and the client gets 504`(path: String) throws {
    let server = try server(timeout: 200_000_000)
    let client = try Client(server)
    for _ in 0..<2 {
      try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reply().status == 504)
    }
    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "ok")
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
    #expect(server.journal.lines.count { $0 == "cause \(AMBIT_CAUSE_DEADLINE)" } == 2)
  }

  @Test func `A handler that computes need not return for the 504 to go out, and can do no more than one that waits`()
    throws
  {
    let server = try server(timeout: 200_000_000)
    let client = try Client(server)
    try client.send("GET /goes-on HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().status == 504)
    Self.hasAnswer.signal()
    let later = [Int32](repeating: AMBIT_CANCELLED, count: 6)
    #expect(server.journal.waits(for: "true \(later)"))
    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "ok")
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  enum Leaving: CaseIterable, Sendable {
    case closing, resetting, halfClosing
  }

  private func leave(_ client: Client, _ leaving: Leaving) {
    switch leaving {
    case .closing: client.close()
    case .resetting: client.reset()
    case .halfClosing: client.halfClose()
    }
  }

  @Test(arguments: Leaving.allCases, ["", "GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n"])
  func `A handler that computes ends when its client leaves, whatever is pipelined`(leaving: Leaving, pipelined: String)
    throws
  {
    for path in ["computing", "job"] {
      let server = try server()
      let client = try Client(server)
      try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n\(pipelined)")
      #expect(server.journal.waits(for: "computing"))
      leave(client, leaving)
      #expect(server.journal.waits(for: "cause \(AMBIT_CAUSE_DISCONNECT)"))
      #expect(server.finalCounts == TestServer.Counts())
    }
  }

  @Test func `A handler that computes ends when its client leaves in the middle of the body`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /computing HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
    #expect(server.journal.waits(for: "computing"))
    client.close()
    #expect(server.journal.waits(for: "cause \(AMBIT_CAUSE_DISCONNECT)"))
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test
  func `A handler that computes goes on if its route finishes on disconnect, has answered, or allows a half-close`()
    throws
  {
    for (path, leaving) in [("finishes", Leaving.closing), ("answered", .closing), ("computing", .halfClosing)] {
      let server = try server(timeout: 200_000_000)
      var options = RoutingOptions()
      options.allowsHalfClose = leaving == .halfClosing
      try server.replaceRoutes(by: Self.routes, options: options)
      let client = try Client(server)
      try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(server.journal.waits(for: "computing"))
      leave(client, leaving)
      #expect(server.journal.waits(for: "cause \(AMBIT_CAUSE_DEADLINE)"), "\(path)")
      if leaving == .halfClosing { #expect(try client.reply().status == 504) }
      #expect(server.finalCounts == TestServer.Counts())
    }
  }

  @Test func `A handler that computes ends with its generation, and the next request reaches the new one`() throws {
    let server = try server()
    let next = server.makeGeneration()
    let client = try Client(server)
    try client.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "computing"))
    try server.replaceGeneration(by: next, [TestRoute("GET /ok") { ambit_respond($0, 200, nil, "new", 3) }])
    #expect(try client.reply().text == "late")
    #expect(try client.reply().text == "new")
    #expect(server.journal.lines == ["computing", "cause \(AMBIT_CAUSE_RETIRED)"])
  }

  /// Writes so little at a time, and so slowly, that there is always room.
  private static let writes: ambit_handler = { scope in
    _ = ambit_begin(scope, 200, -1)
    let end = ambit_now(scope) + 60_000_000_000
    while ambit_now(scope) < end {
      let status = ambit_write(scope, "x", 1)
      if status != AMBIT_OK {
        scope.note("write \(status) cause \(ambit_cancelled(scope))")
        return status
      }
      let pause = ambit_now(scope) + 100_000
      while ambit_now(scope) < pause {}
    }
    return AMBIT_OK
  }

  /// Reads bytes that are there already, one by one.
  private static let reads: ambit_handler = { scope in
    var byte: UInt8 = 0
    while true {
      let count = ambit_read(scope, &byte, 1)
      guard count == 1 else {
        scope.note("read \(count) cause \(ambit_cancelled(scope))")
        return Int32(count)
      }
      let pause = ambit_now(scope) + 1_000_000
      while ambit_now(scope) < pause {}
    }
  }

  @Test func `A handler that computes sees its deadline when it writes or reads without ever waiting`() throws {
    let server = try server(timeout: 200_000_000)
    let reader = try Client(server)
    try reader.send("GET /writes HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = reader.rest()
    #expect(server.journal.lines == ["write \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DEADLINE)"])
    let writer = try Client(server)
    let body = String(repeating: "x", count: 8000)
    try writer.send("POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n\(body)")
    #expect(try writer.reply().status == 504)
    #expect(server.journal.waits(for: "read \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DEADLINE)"))
    reader.close()
    writer.close()
    #expect(server.finalCounts == TestServer.Counts())
  }
}
