import AmbitRuntime
import CAmbit
import Foundation
import TestSupport
import Testing

@testable import AmbitHTTP

/// Which loop takes a new connection.
@Suite struct `New connections` {
  /// Answers with the index of the loop that it runs on.
  private static let place = TestRoute("GET /place") { scope in
    let index = "\(LoopPointer.ofThisThread!.pointee.index)"
    return ambit_respond(scope, 200, nil, index, index.utf8.count)
  }

  /// Blocks its loop until the journal has the line `release`.
  private static let block = TestRoute("GET /block") { scope in
    scope.note("blocked")
    _ = scope.journal.waits(for: "release")
    return ambit_respond(scope, 200, nil, "ok", 2)
  }

  @Test(arguments: [nil, "local"])
  func `New connections are served while one of two loops is blocked`(name: String?) throws {
    let folder = try TemporaryFolder()
    let server = try TestServer([Self.place], threads: 2, path: name.map { folder.path(of: "\($0).sock") })
    try server.holdingLoop {
      for _ in 0..<20 {
        let place = try place(on: Client(server))
        #expect(place == "1")
      }
    }
  }

  @Test(arguments: [true, false])
  func `New connections go to another loop when a handler that becomes ready in the same turn blocks this one`(
    connectsFirst: Bool
  ) throws {
    let server = try TestServer([Self.place, Self.block], threads: 2)
    let blocker = try connection(to: "0", of: server)
    let releases = [server.hold(0), server.hold(1)]
    func blockFirstLoop() throws { try blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n") }

    if !connectsFirst { try blockFirstLoop() }
    let clients = try (0..<8).map { _ in try Client(server) }
    for client in clients { try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n") }
    if connectsFirst { try blockFirstLoop() }
    for client in clients + [blocker] { client.waitForDelivery() }

    releases[0]()
    #expect(server.journal.waits(for: "blocked"))
    releases[1]()
    for client in clients {
      let reply = try client.reply()
      #expect(reply.text == "1")
    }
    server.journal.note("release")
    #expect(try blocker.reply().text == "ok")
  }

  @Test func `New connections that come one after the other are shared among the loops`() throws {
    let server = try TestServer([Self.place], threads: 2)
    var counts = ["0": 0, "1": 0]
    for _ in 0..<1000 { counts[try place(on: Client(server)), default: 0] += 1 }
    #expect(counts.values.allSatisfy { (200...800).contains($0) }, "\(counts)")
  }

  @Test func `New connections that stay open are shared among the loops from the first on`() throws {
    let server = try TestServer([Self.place], threads: 2)
    let clients = try (0..<8).map { _ in
      let client = try Client(server)
      return (client, try place(on: client))
    }
    #expect((2...6).contains(clients.count { $0.1 == "0" }), "\(clients.map(\.1))")
  }

  @Test func `New connections are accepted by no loop after a drain that a blocked loop has not taken part in`() throws
  {
    let server = try TestServer([Self.place, Self.block], threads: 2)
    let blocker = try connection(to: "0", of: server)
    let release = server.hold(0)
    // Both are in the same batch of the first loop's events, and the listener's is handled after the drain.
    try blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
    release()
    #expect(server.journal.waits(for: "blocked"))
    server.drain()
    #expect(throws: ClientError.self) { try Client(server) }
    server.journal.note("release")
    #expect(try blocker.reply().text == "ok")
    #expect(server.counts(becoming: .init()) == .init())
  }

  private func connection(to loop: String, of server: TestServer) throws -> Client {
    var others: [Client] = []
    while true {
      let client = try Client(server)
      if try place(on: client) == loop { return client }
      others.append(client)
      if others.count == 100 { throw ClientError(description: "no connection to loop \(loop)") }
    }
  }

  private func place(on client: Client) throws -> String {
    try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n")
    return try client.reply().text
  }
}
