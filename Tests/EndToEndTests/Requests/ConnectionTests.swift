import Foundation
import TestSupport
import Testing

/// Connections: their life, and the order of their responses.
@Suite struct `Connections` {
  private static let hello = "GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n"

  @Test func `One connection serves many requests`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      for _ in 0..<100 {
        try await connection.send(Self.hello)
        #expect(try await connection.response().text == "Hello, World!\n")
      }
    }
  }

  @Test func `Requests pipelined in one write are answered in order`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send(
        ["a", "b", "c"].map { "GET /hello/\($0) HTTP/1.1\r\nHost: ambit\r\n\r\n" }.joined())
      for name in ["a", "b", "c"] { #expect(try await connection.response().text == "Hello, \(name)!\n") }
    }
  }

  @Test func `A request behind one that waits is answered after it`() async throws {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send(
        "GET /pause HTTP/1.1\r\nHost: ambit\r\n\r\n" + "GET /ping HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().text == "rested\n")
      #expect(try await connection.response().text == "pong\n")
    }
  }

  @Test func `A request that arrives byte by byte is answered like any other`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      for byte in Self.hello.utf8 { try await connection.send([byte]) }
      #expect(try await connection.response().text == "Hello, World!\n")
    }
  }

  @Test func `A response to HEAD has the length of GET and no body`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send("HEAD /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n" + Self.hello)
      let head = try await connection.response(toHead: true)
      #expect(head.status == 200 && head["Content-Length"] == "14")
      #expect(try await connection.response().text == "Hello, World!\n", "the next response follows at once")
    }
  }

  @Test func `A connection is closed after the response if the request says Connection close`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /hello/a HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
      let answer = try await connection.response()
      #expect(answer.text == "Hello, a!\n")
      #expect(answer["Connection"]?.lowercased() == "close")
      #expect(try await connection.rest().isEmpty)
    }
  }

  @Test func `A connection of HTTP 1.0 is closed after the response, also when the length is unknown`() async throws {
    try await withHost([.sample("hello"), .probe("bodies")]) { host in
      for (path, text) in [("/hello/old", "Hello, old!\n"), ("/pieces", "one two three\n")] {
        let connection = try host.connect()
        try await connection.send("GET \(path) HTTP/1.0\r\n\r\n")
        let answer = try await connection.response()
        #expect(answer.text == text)
        #expect(answer["Transfer-Encoding"] == nil)
        #expect(try await connection.rest().isEmpty)
      }
    }
  }

  @Test func `A connection of HTTP 1.0 with keep-alive is kept, and the response says so`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      for _ in 0..<2 {
        try await connection.send("GET /hello/old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let answer = try await connection.response()
        #expect(answer.text == "Hello, old!\n")
        #expect(answer["Connection"]?.lowercased() == "keep-alive")
      }
    }
  }

  @Test func `An idle connection is closed without a response`() async throws {
    try await withHost([.sample("hello")], configuration: "[limits]\nidle_timeout = \"2s\"") { host in
      let connection = try host.connect()
      try await connection.send(Self.hello)
      #expect(try await connection.response().status == 200)
      #expect(try await connection.rest().isEmpty)
    }
  }

  @Test func `Several addresses are served at once, Unix sockets among them`() async throws {
    try await withHost([.sample("hello")], listeners: ["unix:http.sock"]) { host in
      let socket = host.directory.appending(path: "http.sock").filePath
      let answer = try await curl("--unix-socket", socket, "http://ambit/hello/socket")
      #expect(answer.text == "Hello, socket!\n")
      #expect(host.log.lines { $0.contains("listening on") }.count == 2)
      #expect(try await host.get("/hello/tcp").text == "Hello, tcp!\n")
    }
  }

  @Test func `New connections are served while a handler blocks one of two loops`() async throws {
    try await withHost([.fixture("holds_up_loop"), .sample("hello")], listeners: ["unix:http.sock"]) { host in
      let blocker = try host.connect()
      try await blocker.send("GET /handler HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.contains("event loop blocked for") && $0.field("route") == "GET /handler" }
      for _ in 0..<20 { #expect(try await host.get("/hello/tcp").text == "Hello, tcp!\n") }
      let socket = host.directory.appending(path: "http.sock").filePath
      for _ in 0..<4 {
        #expect(try await curl("--unix-socket", socket, "http://ambit/hello/socket").text == "Hello, socket!\n")
      }
      try host.directory.write("", as: "release")
      #expect(try await blocker.response().status == 200)
    }
  }

  @Test(.enabled(if: Places.tool("prlimit") != nil), arguments: [1, 2])
  func `Connections without a free descriptor wait, the log reports it at intervals, and others are served`(
    loops: Int
  ) async throws {
    try await withHost([.sample("simple_service")], configuration: "threads = \(loops)") { host in
      let connection = try host.connect()
      let hold = "GET /hold?seconds=1 HTTP/1.1\r\nHost: ambit\r\n\r\n"
      try await connection.send(hold)
      #expect(try await connection.response().status == 200)
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.servingProcess)/fd").compactMap {
        Int($0)
      }
      let limit = try #require(open.max()) + 1
      let change = try await run("prlimit", ["--pid=\(host.servingProcess)", "--nofile=\(limit):\(limit)"])
      #expect(change.status == .exited(0), "\(change.errors)")
      let waiting = try (0..<limit).map { _ in try host.connect() }
      try await host.log.line(containing: "cannot accept connections: Too many open files")
      // Time for ten more attempts.
      try await connection.send(hold)
      #expect(try await connection.response().status == 200)
      #expect((1...loops).contains(host.log.lines { $0.contains("cannot accept connections") }.count))
      for connection in waiting { connection.close() }
      #expect(try await host.get("/hold?seconds=0").status == 200)
    }
  }
}
