import AmbitCore
import AmbitSystem
import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// What a server keeps of exchanges, whoever answered them.
@Suite struct Exchanges {
  /// The counters of all loops, once so many exchanges are over.
  private func counters(of server: TestServer, exchanges: Int) -> HTTPCounters {
    _ = server.finalCounts
    let counters = server.http.reports(within: .max).reduce(HTTPCounters()) { $0 + $1.counters }
    #expect(counters.exchanges == exchanges)
    return counters
  }

  @Test(arguments: [
    ("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", 200), ("GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405), ("BAD\r\n\r\n", 400),
    ("GET /fails HTTP/1.1\r\nHost: a\r\n\r\n", 500), ("GET /full HTTP/1.1\r\nHost: a\r\n\r\n", 503),
  ])
  func `An exchange is recorded with status and bytes, whether or not a plugin saw it`(sent: String, status: Int) throws
  {
    let server = try TestServer([
      TestRoute("GET /ok", Handlers.ok), TestRoute("GET /fails") { _ in AMBIT_FAILED },
      TestRoute("GET /full") { _ in AMBIT_LIMIT },
    ])
    let client = try Client(server)
    try client.send(sent)
    client.halfClose()
    let bytes = client.rest()
    #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 \(status) "))
    client.close()
    let counters = counters(of: server, exchanges: 1)
    #expect(counters.responses(ofClass: status / 100) == 1)
    #expect(counters.bytesSent == Int64(bytes.count))
    // The host may read them in another process.
    let relayed = try MessageDecoder.decode(HTTPCounters.self, from: MessageEncoder.encode(counters)[...])
    #expect(relayed == counters)
  }

  @Test func `An exchange is recorded with every byte of a response in pieces`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let large = ambit_alloc(scope, 100_000)
        _ = ambit_begin(scope, 200, -1)
        _ = ambit_write(scope, "small", 5)
        _ = ambit_write(scope, large, 100_000)
        return ambit_end(scope)
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let bytes = client.rest()
    client.close()
    #expect(counters(of: server, exchanges: 1).bytesSent == Int64(bytes.count))
  }

  @Test func `An exchange is recorded without a status if the client leaves before the response`() throws {
    let server = try TestServer([TestRoute("GET /", Handlers.hold)])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "waiting"))
    client.reset()
    #expect(counters(of: server, exchanges: 1).responses(ofClass: 0) == 1)
  }

  @Test func `Exchanges on one connection are recorded one after the other`() throws {
    let server = try TestServer([TestRoute("GET /ok", Handlers.ok)])
    let client = try Client(server)
    try client.send(String(repeating: "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", count: 10))
    for _ in 0..<10 { #expect(try client.reply().status == 200) }
    client.close()
    #expect(counters(of: server, exchanges: 10).responses(ofClass: 2) == 10)
  }

  @Test func `An aborted exchange ends its connection behind the response, and keeps the first reason`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let exchange = ExchangePointer.of(scope)!
        exchange.abort(.requestUnreadable)
        exchange.abort(.hostStopping)
        scope.note("\(exchange.pointee.record.abortReason!)")
        return ambit_respond(scope, 200, nil, "whole", 5)
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let reply = try client.reply()
    #expect(reply.text == "whole")
    #expect(reply["connection"] == "close")
    #expect(client.rest().isEmpty)
    #expect(server.journal.lines == ["requestUnreadable"])
  }

  @Test func `An exchange answers a wrong method with the allowed ones in a field of its own`() throws {
    let server = try TestServer([TestRoute("GET /ok", Handlers.ok), TestRoute("PUT /ok", Handlers.ok)])
    let client = try Client(server)
    try client.send("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    let reply = try client.reply()
    #expect(reply.status == 405)
    #expect(reply["content-type"] == "text/plain")
    #expect(reply.headers.count { $0.name.lowercased() == "allow" } == 1)
    #expect(reply["allow"]?.split(separator: ", ").sorted() == ["GET", "HEAD", "PUT"])
    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply()["allow"] == nil)
  }
}
