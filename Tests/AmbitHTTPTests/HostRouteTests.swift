import AmbitCore
import AmbitRuntime
import AmbitSystem
import CAmbit
import Foundation
import TestSupport
import Testing

@testable import AmbitHTTP

/// Routes that the host itself answers.
@Suite struct HostRouteResponses {
  /// A server at a local socket, whose one route has this response.
  private func withServer(
    _ response: @escaping @Sendable () -> HostResponse, _ body: (TestServer, String) throws -> Void
  ) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).sock").path
    let server = try TestServer([], path: path)
    try server.http.serve([HostRoute(try RoutePattern("GET /")) { _ in response() }])
    try body(server, path)
  }

  @Test func `The host's own client reads a response whole, as text or as a stream`() throws {
    let pieces = (0..<100).map { String(repeating: "\($0)\n", count: 1000) }
    let text = pieces.joined()
    for body in [
      HostResponse.Body.text(text), .stream { write in for piece in pieces { #expect(write(Array(piece.utf8))) } },
    ] {
      try withServer({ HostResponse(status: 200, contentType: "text/plain", body: body) }) { _, path in
        let reply = try LocalClient.send("GET", "/", accept: "text/plain", to: path)
        #expect(reply.status == 200)
        #expect(reply.body == text)
      }
    }
  }

  @Test func `A client gets the pieces of a streamed response while they are made`() throws {
    let gate = DispatchSemaphore(value: 0)
    let response = HostResponse(
      status: 200, contentType: "text/csv",
      body: .stream { write in
        #expect(write(Array("first".utf8)))
        gate.wait()
        #expect(write(Array("second".utf8)))
      })
    try withServer({ response }) { server, _ in
      let client = try Client(server)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n")
      let head = try client.head()
      #expect(head.status == 200)
      #expect(head["content-type"] == "text/csv")
      #expect(head["transfer-encoding"] == "chunked")
      #expect(try client.take(10) == Array("5\r\nfirst\r\n".utf8))
      gate.signal()
      #expect(try client.take(11 + 5) == Array("6\r\nsecond\r\n0\r\n\r\n".utf8))
      #expect(try client.reply().status == 404)
    }
  }

  @Test func `A streamed response stops when the client has left`() throws {
    let stopped = DispatchSemaphore(value: 0)
    let response = HostResponse(
      status: 200, contentType: "text/plain",
      body: .stream { write in
        while write([UInt8](repeating: 0x61, count: 1000)) {}
        #expect(!write([0x61]))
        stopped.signal()
      })
    try withServer({ response }) { server, _ in
      let client = try Client(server)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      _ = try client.head()
      client.reset()
      #expect(stopped.wait(timeout: .now() + 60) == .success)
      // The scope that stays is that of the host's routes.
      #expect(server.counts(becoming: .init(scopes: 1)) == .init(scopes: 1))
    }
  }
}

@Suite struct OptionsOfListeners {
  @Test func `Options hold for the connections of their listener only`() throws {
    let server = try TestServer([
      TestRoute("POST /") { scope in
        let scheme = ambit_scheme(scope)
        return ambit_respond(scope, 200, nil, scheme.ptr, scheme.len)
      }
    ])
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).sock").path
    var options = ListenerOptions()
    options.limits.maxBody = 4
    options.limits.head.maxFields = 500
    let sockets = [try ListeningSocket(.unix(path: path))]
    defer { sockets.close(isInUse: true) }
    server.http.accept(on: sockets, options: options)
    let fields = (0..<400).map { "X-\($0): 1\r\n" }.joined()
    for (address, body, isHere, status) in [
      (nil, "hello", false, 200), (path, "hello", true, 413), (path, "hell", true, 200), (nil, "hell", true, 431),
    ] as [(String?, String, Bool, Int)] {
      let client = try address.map { try Client(path: $0) } ?? Client(server)
      let more = isHere ? fields : ""
      try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(more)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let reply = try client.reply()
      #expect(reply.status == status)
      if status == 200 { #expect(reply.text == "http") }
    }
  }
}
