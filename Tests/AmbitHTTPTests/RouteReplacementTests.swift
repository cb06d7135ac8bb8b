import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// Which handler a request reaches, when a path is asked for again and again and the routes change in between.
@Suite struct `Routes that are replaced` {
  private static let first: ambit_handler = { ambit_respond($0, 200, nil, "first", 5) }
  private static let second: ambit_handler = { ambit_respond($0, 200, nil, "second", 6) }
  private static let posted: ambit_handler = { ambit_respond($0, 200, nil, "posted", 6) }

  private func ask(_ client: Client, _ line: String) throws -> String {
    try client.send("\(line) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    let reply = try client.reply()
    return reply.status == 200 ? reply.text : "\(reply.status)"
  }

  @Test func `Replaced routes answer from the next request on`() throws {
    let server = try TestServer([TestRoute("GET /a", Self.first), TestRoute("GET /b", Self.second)])
    let client = try Client(server)
    for _ in 0..<3 {
      #expect(try ask(client, "GET /a") == "first")
      #expect(try ask(client, "GET /b") == "second")
    }
    try server.replaceRoutes(by: [TestRoute("GET /b", Self.first), TestRoute("POST /b", Self.posted)])
    for _ in 0..<3 {
      #expect(try ask(client, "GET /a") == "404")
      #expect(try ask(client, "GET /b") == "first")
      #expect(try ask(client, "POST /b") == "posted")
      #expect(try ask(client, "PUT /b") == "405")
    }
  }

  @Test func `Routes are told apart by the path as it was sent, and give their parameters each time`() throws {
    let echo: ambit_handler = { scope in
      let name = ambit_param(scope, "name")
      return ambit_respond(scope, 200, nil, name.ptr, name.len)
    }
    let server = try TestServer([TestRoute("GET /of/{name}", echo), TestRoute("GET /of", Self.first)])
    let client = try Client(server)
    for name in ["x", "y", "x", "a%2Fb", "y"] {
      #expect(try ask(client, "GET /of/\(name)") == (name == "a%2Fb" ? "a/b" : name))
      #expect(try ask(client, "GET /of") == "first")
      #expect(try ask(client, "GET /./of") == "first")
      #expect(try ask(client, "GET /of/") == "404")
    }
  }
}
