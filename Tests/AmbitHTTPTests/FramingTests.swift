import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// Tries to send a body with a status that allows none, in the way that the path names.
private let respondWithoutBody: ambit_handler = { scope in
  func parameter(_ name: String) -> String {
    let text = ambit_param(scope, name)
    return String(decoding: UnsafeRawBufferPointer(start: text.ptr, count: text.len), as: UTF8.self)
  }
  let status = Int32(parameter("status"))!
  func stream(_ length: Int64) -> Int32 {
    for result in [ambit_begin(scope, status, length), ambit_write(scope, "never", 5), ambit_end(scope)] {
      scope.note("\(result)")
    }
    return AMBIT_OK
  }
  switch parameter("way") {
  case "respond": return ambit_respond(scope, status, "text/plain", "never sent", 10)
  case "large":
    let size = 100_000
    return ambit_respond(scope, status, nil, ambit_alloc(scope, size), size)
  case "stream": return stream(-1)
  case "announced": return stream(10)
  case "set": return ambit_set_status(scope, status)
  default: return ambit_begin(scope, status, 10)
  }
}

/// Which bytes make up one response, and where the next request begins (RFC 9112, section 6).
@Suite struct Framing {
  private func server() throws -> TestServer {
    try TestServer([
      TestRoute("GET /ok", Handlers.ok),
      TestRoute("POST /ok", Handlers.ok),
      TestRoute("POST /echo", Handlers.echo),
      TestRoute("* /", Handlers.ok),
      TestRoute("GET /none") { ambit_respond($0, 204, nil, nil, 0) },
      TestRoute("GET /same") { ambit_respond($0, 304, nil, "never sent", 10) },
      TestRoute("GET /reset") { ambit_respond($0, 205, "text/plain", "never sent", 10) },
      TestRoute("GET /bodyless/{status}/{way}", respondWithoutBody),
      TestRoute("GET /large") { scope in
        let size = 100_000
        return ambit_respond(scope, 200, nil, ambit_alloc(scope, size), size)
      },
      TestRoute("GET /stream") { scope in
        _ = ambit_begin(scope, 200, -1)
        _ = ambit_write(scope, "one,", 4)
        _ = ambit_write(scope, "two", 3)
        return ambit_end(scope)
      },
    ])
  }

  @Test(arguments: ["/ok", "/large", "/stream", "/none", "/same", "/reset"])
  func `The response to HEAD has the head of GET and nothing behind it`(path: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = try client.reply(toHead: true)
    #expect(try client.reply().text == "ok")
    try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    let whole = try client.reply()
    #expect(head.status == whole.status)
    #expect(head.headers.filter { $0.name != "Date" } == whole.headers.filter { $0.name != "Date" })
  }

  @Test(arguments: ["/none", "/same"])
  func `A response announces no body if its status has none`(path: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    let reply = try client.reply()
    #expect(reply["content-length"] == nil && reply["transfer-encoding"] == nil)
    #expect(try client.reply().text == "ok")
  }

  @Test(
    arguments: [204, 205, 304], ["respond", "large", "stream", "announced", "set", "unwritten"])
  func `A response has no body if its status allows none, whichever way it is made`(status: Int, way: String) throws {
    let server = try server()
    for version in ["1.1", "1.0"] {
      for method in ["GET", "HEAD"] {
        let client = try Client(server)
        try client.send(
          "\(method) /bodyless/\(status)/\(way) HTTP/\(version)\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
            + "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let reply = try client.head()
        #expect(reply.status == status)
        #expect(reply["content-length"] == (status == 205 ? "0" : nil))
        #expect(reply["transfer-encoding"] == nil)
        let next = try client.reply()
        #expect(next.status == 200 && next.text == "ok")
        #expect(client.rest().isEmpty)
      }
    }
    #expect(Set(server.journal.lines).isSubset(of: ["0"]))
  }

  @Test(arguments: ["HEAD /\u{e9} HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n"])
  func `The refusal of a HEAD request has no body`(head: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send(head + "\r\n")
    #expect(try client.head().status == 400)
    #expect(client.rest().isEmpty)
  }

  @Test func `A response to HTTP 1.0 is streamed until the close`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    let reply = try client.reply()
    #expect(reply.text == "one,two")
    #expect(reply["connection"] == "close")
  }

  @Test func `A connection of HTTP 1.0 that asks to be kept is kept`() throws {
    let server = try server()
    let client = try Client(server)
    for _ in 0..<2 {
      try client.send("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(try client.reply()["connection"] == "keep-alive")
    }
    try client.send("GET /ok HTTP/1.0\r\n\r\n")
    #expect(try client.reply()["connection"] == "close")
    #expect(client.rest().isEmpty)
  }

  @Test(arguments: ["/missing", "/ok", "/%00", "/echo/"])
  func `The body of a request is never taken for the next request`(path: String) throws {
    let server = try server()
    let client = try Client(server)
    let hidden = "GET /ok HTTP/1.1\r\nHost: hidden\r\n\r\n"
    try client.send(
      "DELETE \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n\(hidden)"
        + "GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(try client.reply().status >= 400)
    #expect(try client.reply().status == 404)
    #expect(client.rest().isEmpty)
  }

  @Test func `A body in chunks that nobody read is never taken for the next request`() throws {
    let server = try server()
    let client = try Client(server)
    let hidden = "GET /ok HTTP/1.1\r\nHost: hidden\r\n\r\n"
    let size = String(hidden.utf8.count, radix: 16)
    for path in ["/missing", "/ok"] {
      try client.send(
        "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\n\(hidden)\r\n0\r\n\r\n")
      #expect(try client.reply().status == (path == "/ok" ? 200 : 404))
    }
    try client.send("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(try client.reply().status == 404)
    #expect(client.rest().isEmpty)
  }

  @Test(arguments: ["/missing", "/ok"])
  func `A response before the end of the request's body says that the connection closes`(path: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
    #expect(try client.reply()["connection"] == "close")
    #expect(client.rest().isEmpty)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A client that is still sending can read why its body is refused`() throws {
    var limits = HTTPLimits()
    limits.maxBody = 1000
    let server = try TestServer([TestRoute("POST /echo", Handlers.echo)], limits: limits)
    let client = try Client(server)
    let size = 6 << 20
    let sent: Result<Void, any Error> = Result {
      try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
      try client.send([UInt8](repeating: 0, count: size))
    }
    #expect(throws: Never.self) { try sent.get() }
    #expect(try client.reply().status == 413)
  }

  @Test func `The server answers a request for the server as a whole`() throws {
    let server = try server()
    let client = try Client(server)
    for target in ["*", "http://example.com"] {
      try client.send("OPTIONS \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
      let reply = try client.reply()
      #expect(reply.status == 200 && reply.body.isEmpty, "OPTIONS \(target)")
    }
  }

  @Test func `A request for a tunnel is not taken for a request of the root`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
    #expect(try client.reply().status >= 400)
  }

  @Test func `An absolute target without a path is taken for the root`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("GET http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n")
    #expect(try client.reply().text == "ok")
  }
}
