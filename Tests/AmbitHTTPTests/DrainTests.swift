import AmbitRuntime
import CAmbit
import Foundation
import TestSupport
import Testing

@testable import AmbitHTTP

/// The end of a server: no request that was sent is lost.
@Suite struct Draining {
  private func server() throws -> TestServer {
    try TestServer([TestRoute("GET /ok", Handlers.ok), TestRoute("GET /hold", Handlers.hold)])
  }

  @Test func `A drain closes idle connections at once`() throws {
    let server = try server()
    let fresh = try Client(server)
    let used = try Client(server)
    try used.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try used.reply().status == 200)
    #expect(server.counts(becoming: .init(connections: 2)).connections == 2)
    server.drain()
    #expect(fresh.rest().isEmpty && used.rest().isEmpty)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A drain closes the listeners once, however often it is asked for`() throws {
    let server = try server()
    server.drain()
    // Whoever opens a descriptor next gets the number that a listener had.
    let other = try self.server()
    server.drain()
    let client = try Client(other)
    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "ok")
  }

  @Test func `A drain answers a request that no event has reported yet`() throws {
    let server = try server()
    let client = try Client(server)
    #expect(server.counts(becoming: .init(connections: 1)).connections == 1)
    let sending = Shared(value: client)
    server.loops.onEach { loop in
      // The loop does not look before this returns.
      try? sending.value.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
      sending.value.waitForDelivery()
      ServerPointer.on(loop).drain()
    }
    let reply = try client.reply()
    #expect(reply.text == "ok" && reply["connection"] == "close")
  }

  @Test func `A drain answers a request whose head is on its way`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("GET /ok HTTP/1.1\r\n")
    client.waitForDelivery()
    #expect(server.counts(becoming: .init(connections: 1)).connections == 1)
    server.loops.onEach { _ in }
    server.drain()
    try client.send("Host: a\r\n\r\n")
    let reply = try client.reply()
    #expect(reply.text == "ok" && reply["connection"] == "close")
  }

  @Test func `A drain with an idle time answers the next request of a connection, and closes those without one`() throws
  {
    let server = try server()
    let (busy, idle) = (try Client(server), try Client(server))
    try busy.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try busy.reply()["connection"] == nil)
    #expect(server.counts(becoming: .init(connections: 2)).connections == 2)
    #expect(server.http.drain(idleTime: 3_600_000_000_000))
    try busy.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    let last = try busy.reply()
    #expect(last.text == "ok" && last["connection"] == "close")
    #expect(busy.rest().isEmpty)
    busy.close()
    #expect(server.counts(becoming: .init(connections: 1)).connections == 1, "the other one is still open")
    #expect(server.http.drain(idleTime: 1_000_000))
    #expect(idle.rest().isEmpty)
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A drain with an idle time serves the clients that have connected before it`() throws {
    let server = try server()
    let clients = Journal()
    server.loops.onEach { loop in
      // The loop does not look before this returns.
      guard let client = try? Client(server) else { return }
      ServerPointer.on(loop).drain(idleTime: 3_600_000_000_000)
      // The end of the client closes its connection, after the response.
      Shared(value: client).answer(to: "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", in: clients)
    }
    #expect(clients.waits(for: "ok"))
  }

  @Test func `A drain lets a request finish and closes its connection`() throws {
    let server = try TestServer([
      TestRoute("GET /soon") { scope in
        scope.note("waiting")
        while !scope.journal.lines.contains("drains") { _ = ambit_sleep(scope, 1_000_000) }
        return ambit_respond(scope, 200, nil, "done", 4)
      }
    ])
    let client = try Client(server)
    try client.send("GET /soon HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "waiting"))
    server.drain()
    #expect(throws: ClientError.self) { try Client(server) }
    server.journal.note("drains")
    let reply = try client.reply()
    #expect(reply.text == "done" && reply["connection"] == "close")
    #expect(client.rest().isEmpty)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }
}

extension Shared<Client> {
  /// Sends a request and notes the text of the response, on a thread of its own.
  fileprivate func answer(to request: String, in journal: Journal) {
    Thread.detachNewThread {
      try? value.send(request)
      journal.note((try? value.reply().text) ?? "no response")
    }
  }
}
