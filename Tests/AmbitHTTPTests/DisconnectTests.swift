import AmbitRuntime
import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// A client that leaves, in every phase of a request, and what is left of it then: nothing.
@Suite struct Disconnects {
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

  private func server(limits: HTTPLimits = HTTPLimits()) throws -> TestServer {
    try TestServer(
      [
        TestRoute("GET /ok", Handlers.ok),
        TestRoute("POST /echo", Handlers.echo),
        TestRoute("POST /read") { scope in
          var bytes = [UInt8](repeating: 0, count: 100)
          while true {
            let count = ambit_read(scope, &bytes, bytes.count)
            if count <= 0 {
              scope.note("read \(count) cause \(ambit_cancelled(scope))")
              return Int32(count)
            }
            scope.note("reading")
          }
        },
        TestRoute("* /hold", Handlers.hold),
        TestRoute("GET /pending") { scope in
          leaveTo(scope) { scope, _ in
            scope.note("waiting")
            scope.note("woken \(ambit_sleep(scope, 60_000_000_000)) cause \(ambit_cancelled(scope))")
            return AMBIT_OK
          }
        },
        TestRoute("GET /write", writeForEver),
        TestRoute("GET /threadwrite", isBlocking: true, writeForEver),
        TestRoute("GET /threadhold", isBlocking: true, Handlers.hold),
        TestRoute("GET /jobwrite") { scope in leaveTo(scope) { scope, _ in writeForEver(scope) } },
        TestRoute("GET /large") { scope in
          let bytes = ambit_alloc(scope, 8 << 20)
          scope.note("writing")
          scope.note("respond \(ambit_respond(scope, 200, nil, bytes, 8 << 20)) cause \(ambit_cancelled(scope))")
          return AMBIT_OK
        },
        TestRoute("GET /finish", finishesOnDisconnect: true) { scope in
          scope.note("waiting")
          scope.note("woken \(ambit_sleep(scope, 200_000_000)) cause \(ambit_cancelled(scope))")
          let status = ambit_respond(scope, 200, nil, "x", 1)
          scope.note("responded \(status)")
          return status
        },
      ], limits: limits)
  }

  @Test(arguments: Leaving.allCases, ["", "G", "GET / HTTP/1.1\r\nHost:", "GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET"])
  func `A client that leaves between or in heads is forgotten`(leaving: Leaving, sent: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send(sent)
    if sent.contains("/ok") { _ = try client.reply() }
    #expect(server.counts(becoming: .init(connections: 1)).connections == 1)
    leave(client, leaving)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(
    arguments: Leaving.allCases,
    [
      "Content-Length: 1000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
    ])
  func `A client that leaves wakes a handler that reads`(leaving: Leaving, body: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /read HTTP/1.1\r\nHost: a\r\n\(body)")
    #expect(server.journal.waits(for: "reading"))
    leave(client, leaving)
    #expect(server.journal.waits(for: "read \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DISCONNECT)"))
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(
    arguments: Leaving.allCases,
    [
      "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /pending HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /threadhold HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
      "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\nabc",
      "GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
  func `A client that leaves wakes each job that waits`(leaving: Leaving, sent: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send(sent)
    #expect(server.journal.waits(for: "waiting"))
    leave(client, leaving)
    #expect(server.journal.waits(for: "woken \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DISCONNECT)"))
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: Leaving.allCases)
  func `A client that has left before its request is read is noticed`(leaving: Leaving) throws {
    let server = try server()
    let client = try Client(server)
    try server.holdingLoop {
      try client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
      leave(client, leaving)
    }
    #expect(server.finalCounts == TestServer.Counts())
    #expect(!server.journal.lines.contains("woken \(AMBIT_OK) cause \(AMBIT_CAUSE_NONE)"))
  }

  @Test(arguments: Leaving.allCases)
  func `The jobs of all clients that have left are woken before their connections are closed`(leaving: Leaving) throws {
    let server = try TestServer([
      TestRoute("GET /count") { scope in
        scope.note("waiting")
        _ = ambit_sleep(scope, 60_000_000_000)
        scope.note("open \(ServerPointer.on(.ofThisThread!).pointee.openCount)")
        return AMBIT_CANCELLED
      }
    ])
    let clients = try (0..<100).map { _ in try Client(server) }
    for client in clients { try client.send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n") }
    #expect(server.journal.waits(for: "waiting", times: 100))
    server.holdingLoop {
      for client in clients { leave(client, leaving) }
    }
    #expect(server.finalCounts == TestServer.Counts())
    let counts = server.journal.lines.compactMap { Int($0.trimmingPrefix("open ")) }
    #expect(counts.count == 100)
    #expect(counts.allSatisfy { $0 > 90 }, "\(counts)")
  }

  @Test(arguments: Leaving.allCases)
  func `A client behind many that have left is served before all their requests have been told`(leaving: Leaving) throws
  {
    let server = try TestServer([
      TestRoute("* /hold", Handlers.hold),
      TestRoute("GET /ask") { scope in
        scope.note("asked")
        return AMBIT_OK
      },
    ])
    let clients = try (0..<400).map { _ in try Client(server) }
    let other = try Client(server)
    for client in clients { try client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n") }
    #expect(server.journal.waits(for: "waiting", times: 400))
    try server.holdingLoop {
      for client in clients { leave(client, leaving) }
      try other.send("GET /ask HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      other.waitForDelivery()
    }
    #expect(try other.reply().status == 200)
    #expect(server.finalCounts == TestServer.Counts())
    let woken = "woken \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DISCONNECT)"
    let lines = server.journal.lines.filter { $0 == woken || $0 == "asked" }
    #expect(lines.count == 401)
    #expect(lines.firstIndex(of: "asked")! <= 64)
  }

  @Test(arguments: [Leaving.closing, .resetting], ["write", "jobwrite", "threadwrite", "large"])
  func `A client that leaves wakes each job that writes`(leaving: Leaving, path: String) throws {
    let server = try server()
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "writing"))
    _ = try client.head()
    leave(client, leaving)
    let name = path == "large" ? "respond" : "write"
    #expect(server.journal.waits(for: "\(name) \(AMBIT_CANCELLED) cause \(AMBIT_CAUSE_DISCONNECT)"))
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: [Leaving.closing, .resetting])
  func `A client that leaves with responses on their way is forgotten`(leaving: Leaving) throws {
    let server = try server()
    let client = try Client(server, receiveBuffer: 4096)
    let body = String(repeating: "x", count: 8000)
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n\(body)"
    let bytes = Array(String(repeating: request, count: 2000).utf8)
    var sent = 0
    var idle = 0
    while idle < 3, sent < bytes.count {
      let count = client.sendWithoutWaiting(bytes[sent...])
      sent += count
      idle = count == 0 ? idle + 1 : 0
      server.loops.onEach { _ in }
    }
    #expect(server.counts.connections == 1)
    leave(client, leaving)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: Leaving.allCases)
  func `A client that leaves while its connection lingers is forgotten`(leaving: Leaving) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("BAD\r\n\r\n")
    #expect(try client.reply().status == 400)
    #expect(client.rest().isEmpty)
    leave(client, leaving)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A client that will send no more is answered if the handler need not wait`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    client.halfClose()
    #expect(try client.reply().text == "abc")
    #expect(try client.reply().text == "ok")
    #expect(client.rest().isEmpty)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: Leaving.allCases)
  func `A request goes on without its client if its route finishes on disconnect`(leaving: Leaving) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("GET /finish HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "waiting"))
    leave(client, leaving)
    #expect(server.journal.waits(for: "woken \(AMBIT_OK) cause \(AMBIT_CAUSE_NONE)"))
    #expect(server.finalCounts == TestServer.Counts())
    if leaving == .halfClosing { #expect(try client.reply().text == "x") }
  }
}

/// Writes until the client is gone.
private let writeForEver: ambit_handler = { scope in
  let size = 1 << 20
  let bytes = ambit_alloc(scope, size)
  _ = ambit_begin(scope, 200, -1)
  scope.note("writing")
  while true {
    let status = ambit_write(scope, bytes, size)
    if status != AMBIT_OK {
      scope.note("write \(status) cause \(ambit_cancelled(scope))")
      return status
    }
  }
}
