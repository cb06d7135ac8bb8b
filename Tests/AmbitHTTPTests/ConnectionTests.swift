import AmbitRuntime
import CAmbit
import Foundation
import TestSupport
import Testing

@testable import AmbitHTTP

/// Connections as the server keeps them.
@Suite struct Connections {
  @Test func `A connection takes at most 600 bytes while idle`() throws {
    #expect(MemoryLayout<Connection>.size <= 600)
    let server = try TestServer([TestRoute("POST /echo", Handlers.echo)])
    let clients = try (0..<200).map { _ in try Client(server) }
    for client in clients {
      try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
      #expect(try client.reply().text == "abc")
    }
    #expect(server.counts(becoming: .init(connections: 200)) == .init(connections: 200))
    let holding = server.loops.onEach { ServerPointer.on($0).connectionsWithMemory }
    #expect(holding == [0])
  }

  @Test func `A connection keeps few responses back for a client that does not read`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let kept = ExchangePointer.of(scope)!.pointee.carrier!.connection.transport.pendingOutput
        if kept > 80_000 { scope.note("kept \(kept)") }
        scope.note("response")
        return ambit_respond(scope, 200, nil, ambit_alloc(scope, 8000), 8000)
      }
    ])
    let client = try Client(server, receiveBuffer: 4096)
    // The kernel takes some megabytes for the client; what it does not take is asked for by one read.
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    try client.send(String(repeating: request, count: 1000))
    #expect(server.journal.waits(for: "response", times: 50))
    for _ in 0..<1000 { #expect(try client.reply().body.count == 8000) }
    #expect(!server.journal.lines.contains { $0.hasPrefix("kept") })
  }

  @Test(arguments: ["GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /ok HTTP/1.0\r\n\r\n"])
  func `A connection ends with a request that is its client's last, whatever the client does`(sent: String) throws {
    let server = try TestServer([TestRoute("GET /ok", Handlers.ok)])
    let client = try Client(server)
    try client.send(sent)
    #expect(try client.reply().text == "ok")
    #expect(server.finalCounts == TestServer.Counts())
    #expect(client.rest().isEmpty)
  }

  @Test(arguments: ["BAD", "POST /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabc"])
  func `A connection lingers while its client may still send`(sent: String) throws {
    let server = try TestServer([TestRoute("* /ok", Handlers.ok)])
    let client = try Client(server)
    try client.send(sent + "\r\n\r\n")
    _ = try client.reply()
    #expect(client.rest().isEmpty)
    #expect(server.counts.connections == 1)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A connection sends its bytes without waiting for more`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        var isSet: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        let descriptor = ExchangePointer.of(scope)!.pointee.carrier!.connection.pointee.transport.descriptor
        getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, &size)
        return ambit_respond(scope, 200, nil, isSet == 0 ? "off" : "on", isSet == 0 ? 3 : 2)
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "on")
  }

  @Test func `A connection is served at a Unix socket`() throws {
    let folder = try TemporaryFolder()
    let server = try TestServer(
      [
        TestRoute("GET /peer") { scope in
          let peer = ambit_peer(scope)
          return ambit_respond(scope, 200, nil, peer.ptr, peer.len)
        },
        TestRoute("GET /large") { scope in
          let bytes = ambit_alloc(scope, 1 << 20)
          return ambit_respond(scope, 200, nil, bytes, 1 << 20)
        },
      ], threads: 2, path: folder.path(of: "server.sock"))
    let client = try Client(server)
    try client.send("GET /peer HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "unix")
    #expect(try client.reply().body.count == 1 << 20)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
    server.drain()
    #expect(!FileManager.default.fileExists(atPath: folder.path(of: "server.sock")))
  }

  @Test func `A connection names its client`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let peer = ambit_peer(scope)
        return ambit_respond(scope, 200, nil, peer.ptr, peer.len)
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "127.0.0.1:\(client.port)")
  }

  @Test func `A connection lets others have their turn while one never stops sending`() throws {
    // The handler sends as much as it has read, so that there is always more to read, until the loop turns.
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let turn = ScopePointer.of(scope!).pointee.loop.pointee.turn
        let isGoingOn = flood.mayGoOn(in: turn)
        if isGoingOn {
          flood.sendMore()
        } else {
          scope.note("over")
        }
        return ambit_respond(scope, 204, nil, nil, 0)
      }
    ])
    let client = try Client(server)
    flood.descriptor = client.descriptor
    let drop = Thread { [client = Shared(value: client)] in _ = client.value.rest() }
    try server.holdingLoop {
      for _ in 0..<12 { try client.send(flood.batch) }
      drop.start()
    }
    #expect(server.journal.waits(for: "over"))
    #expect(flood.count < Flood.limit)
    client.halfClose()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A connection waits while the process has no descriptors left`() async throws {
    await #expect(processExitsWith: .success) {
      let server = try TestServer([TestRoute("GET /", Handlers.ok)])
      let client = try Client(server)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      guard try client.reply().status == 200 else { exit(1) }
      let second = try Client(server)
      guard server.counts(becoming: .init(connections: 2)).connections == 2 else { exit(2) }
      // A third client gets the last descriptor of the process; there is none for its connection here.
      let next = open("/dev/null", O_RDONLY)
      close(next)
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = rlim_t(next + 1)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      let third = try Client(server)
      try third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      // Those that have a connection are served meanwhile; then one of them makes room.
      for _ in 0..<1000 {
        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        guard try client.reply().status == 200 else { exit(3) }
      }
      second.close()
      guard try third.reply().text == "ok" else { exit(4) }
    }
  }
}

extension ServerPointer {
  /// How many open connections have a buffer or a request's record.
  fileprivate var connectionsWithMemory: Int {
    var count = 0
    var link = openLink.pointee.next
    while link != openLink {
      let connection = ConnectionPointer.of(sibling: link).pointee
      let transport = connection.transport
      if transport.input != nil || transport.output != nil || connection.http1.exchange != nil { count += 1 }
      link = link.pointee.next
    }
    return count
  }
}

/// The requests of one test that a handler keeps coming.
private let flood = Flood()

private final class Flood: @unchecked Sendable {
  /// More than the reads of one turn bring, less than a receive buffer holds.
  static let limit = 3500

  private static let batchSize = 500
  let batch = Array(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: batchSize).utf8)
  var descriptor: Int32 = -1
  private(set) var count = 0
  private var turn: UInt64?

  /// Whether the loop is still in the turn in which the first request came. On the loop.
  func mayGoOn(in turn: UInt64) -> Bool {
    self.turn = self.turn ?? turn
    guard self.turn == turn, count < Self.limit else { return false }
    count += 1
    return true
  }

  /// Sends as many requests as have been read since the last time, now and then: many small pieces would fill the
  /// socket's buffer with their overhead.
  func sendMore() {
    if count % Self.batchSize == 0 { _ = Glibc.send(descriptor, batch, batch.count, Int32(MSG_NOSIGNAL)) }
  }
}
