import Foundation
import TestSupport
import Testing

/// Bodies that the host receives before a request takes a thread of the pool.
@Suite struct `Buffered bodies` {
  /// A `[[route]]` entry.
  private static func entry(_ match: String, _ keys: String = "buffer_body = \"64KiB\"") -> String {
    "[[route]]\nmatch = \"\(match)\"\n\(keys)\n"
  }

  private static func head(_ route: String, _ framing: String) -> String {
    "\(route) HTTP/1.1\r\nHost: ambit\r\n\(framing)\r\n\r\n"
  }

  /// Waits until so many requests are in flight.
  private func inFlight(_ count: Int, on host: Host) async throws {
    try await eventually(within: .seconds(30), until: { $0 == count }) {
      try await host.adminJSON("/status").number("requests")
    }
  }

  private func threadsInUse(on host: Host) async throws -> Int? {
    try await host.adminJSON("/status").object("pool").number("in_use")
  }

  @Test(arguments: [
    ("PUT /whole", entry("PUT /whole")),
    ("PUT /length", ""),
    ("PUT /strlen", entry("PUT /strlen", "call = \"libc.so.6: size strlen(str body)\"")),
    ("PUT /strnlen", entry("PUT /strnlen", "call = \"libc.so.6: size strnlen(str s, size 9)\"")),
    ("PUT /own", entry("PUT /own", "call = \"./f.so: size f(str body)\"\nthread = \"own\"")),
  ])
  func `Slow uploads hold no thread and no lane, so that others answer at once`(route: String, settings: String)
    async throws
  {
    let abs = Self.entry("GET /abs/{x}", "call = \"libc.so.6: i32 abs(i32 x)\"")
    let library = PluginFile.source(
      "#include <string.h>\nsize_t f(const char *s); size_t f(const char *s) { return strlen(s); }", name: "f")
    try await withHost(
      [.probe("uploads")], configuration: "threads = 2\npool_threads = 2\n" + settings + abs, libraries: [library]
    ) { host in
      let isForm = route == "PUT /strnlen"
      let clients = try (0..<70).map { _ in try host.connect() }
      for client in clients {
        let type = "Content-Type: application/\(isForm ? "x-www-form-urlencoded" : "octet-stream")\r\n"
        try await client.send(Self.head(route, "\(type)Content-Length: 7") + (isForm ? "s=" : "ab"))
      }
      try await inFlight(70, on: host)
      #expect(try await threadsInUse(on: host) == 0)
      #expect(try await host.get("/quick").text == "unread\n")
      #expect(try await host.get("/abs/-7").text == "7")
      for client in clients { try await client.send("cdefg") }
      for client in clients {
        let answer = try await client.response()
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix(isForm ? "5" : "7"), "\(answer.text)")
        client.close()
      }
    }
  }

  @Test(arguments: [0, 1, 4095, 4096, 4097, 20_000, 200_000], ["/whole", "/pieces/1000"])
  func `A handler gets the same body, whatever part of it was buffered`(size: Int, path: String) async throws {
    let limit = "buffer_body = \"4KiB\""
    let settings = Self.entry("PUT /whole", limit) + Self.entry("PUT /pieces/{size}", limit)
    try await withHost([.probe("uploads")], configuration: settings) { host in
      let body = String(decoding: (0..<size).map { UInt8(ascii: "a") + UInt8($0 &* 7 >> 2 & 15) }, as: UTF8.self)
      let sum = body.utf8.reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) }
      let connection = try host.connect()
      defer { connection.close() }
      // The next request is pipelined behind each body.
      try await connection.send(Self.head("PUT \(path)", "Content-Length: \(size)"))
      try await connection.send(body + Self.head("PUT \(path)", "Transfer-Encoding: chunked"))
      for start in stride(from: 0, to: size, by: 5000) {
        let piece = body.utf8.dropFirst(start).prefix(5000)
        try await connection.send("\(String(piece.count, radix: 16))\r\n\(String(piece)!)\r\n")
      }
      try await connection.send("0\r\n\r\n" + Self.head("GET /quick", "X: y"))
      for _ in 0..<2 {
        let answer = try await connection.response()
        #expect(answer.status == 200)
        #expect(answer.text == "\(size) bytes, sum \(sum)\n")
      }
      #expect(try await connection.response().text == "unread\n")
    }
  }

  @Test func `A handler that has read a part of a buffered body can read the rest, but not the whole`() async throws {
    try await withHost([.probe("uploads")], configuration: Self.entry("PUT /mixed")) { host in
      for pause in [false, true] {
        let connection = try host.connect()
        try await connection.send(Self.head("PUT /mixed", "Content-Length: 5") + (pause ? "ab" : "abcde"))
        if pause {
          try await inFlight(1, on: host)
          try await connection.send("cde")
        }
        #expect(try await connection.response().text == "1 WRONG_STATE 4\n")
        connection.close()
      }
    }
  }

  @Test func `A body that is larger than the buffer takes its thread when the buffer is full`() async throws {
    let settings = "pool_threads = 1\n" + Self.entry("PUT /pieces/{size}", "buffer_body = \"4KiB\"")
    try await withHost([.probe("uploads")], configuration: settings) { host in
      for framing in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
        let isChunked = framing.hasSuffix("chunked")
        let position = host.log.position
        let connection = try host.connect()
        let bytes = String(repeating: "x", count: 4095)
        try await connection.send(Self.head("PUT /pieces/99", framing) + (isChunked ? "1388\r\n" : "") + bytes)
        try await inFlight(1, on: host)
        #expect(try await host.get("/quick").status == 200)
        #expect(host.log.lines { $0.number > position && $0.text == "begun pieces" }.isEmpty)
        try await connection.send("x")
        try await host.log.line(after: position) { $0.text == "begun pieces" }
        try await connection.send(String(repeating: "x", count: 904) + (isChunked ? "\r\n0\r\n\r\n" : ""))
        #expect(try await connection.response().text.hasPrefix("5000 bytes"))
        connection.close()
      }
    }
  }

  @Test(arguments: [(5, "hello"), (100_000, String(repeating: "y", count: 100_000))])
  func `A client that expects 100-continue is told to go on`(size: Int, body: String) async throws {
    try await withHost([.probe("uploads")], configuration: Self.entry("PUT /whole")) { host in
      let connection = try host.connect()
      try await connection.send(Self.head("PUT /whole", "Expect: 100-continue\r\nContent-Length: \(size)"))
      #expect(try await connection.response().status == 100)
      #expect(host.log.lines { $0.text == "begun whole" }.isEmpty)
      try await connection.send(body)
      #expect(try await connection.response().text.hasPrefix("\(size) bytes"))
      connection.close()
    }
  }

  @Test(arguments: [
    ("Transfer-Encoding: chunked", "b\r\nhello world\r\n", 413), ("Transfer-Encoding: chunked", "zz\r\n", 400),
    ("Content-Length: 11", "", 413),
  ])
  func `A body that is too long or malformed is refused without a thread`(framing: String, body: String, status: Int)
    async throws
  {
    let settings = "[limits]\nmax_body = 10\n" + Self.entry("PUT /whole")
    try await withHost([.probe("uploads")], configuration: settings) { host in
      for path in ["/whole", "/length"] {
        let answer = try await host.answer(to: Self.head("PUT \(path)", framing) + body)
        #expect(answer.status == status)
        #expect(answer["Connection"] == "close")
      }
      #expect(host.log.lines { $0.contains("begun") }.isEmpty)
    }
  }

  @Test(arguments: ["cancel", "finish"])
  func `A client that leaves while its body is received never reaches the handler`(onDisconnect: String) async throws {
    let settings = Self.entry("PUT /whole", "buffer_body = \"64KiB\"\non_disconnect = \"\(onDisconnect)\"")
    try await withHost([.probe("uploads")], configuration: settings) { host in
      let connection = try host.connect()
      try await connection.send(Self.head("PUT /whole", "Content-Length: 9") + "abc")
      try await inFlight(1, on: host)
      connection.close()
      try await inFlight(0, on: host)
      #expect(host.log.lines { $0.text == "begun whole" || $0.contains("ERROR") }.isEmpty)
    }
  }

  @Test func `A deadline passes while a body is received, and the client gets 504 at once`() async throws {
    let settings = Self.entry("PUT /whole", "buffer_body = \"64KiB\"\ntimeout = \"100ms\"")
    try await withHost([.probe("uploads")], configuration: settings) { host in
      let answer = try await host.answer(to: Self.head("PUT /whole", "Content-Length: 9") + "abc")
      #expect(answer.status == 504)
      try await inFlight(0, on: host)
      #expect(host.log.lines { $0.text == "begun whole" || $0.contains("ERROR") }.isEmpty)
    }
  }

  @Test func `A handler takes its thread before the body unless its route buffers it, and a function if told so`()
    async throws
  {
    let settings = Self.entry("PUT /length", "buffer_body = \"0\"")
    try await withHost([.probe("uploads")], configuration: settings) { host in
      for name in ["whole", "length"] {
        let connection = try host.connect()
        try await connection.send(Self.head("PUT /\(name)", "Content-Length: 5") + "ab")
        try await host.log.line { $0.text == "begun \(name)" }
        try await connection.send("cde")
        #expect(try await connection.response().text.hasPrefix("5"))
        connection.close()
      }
    }
  }

  @Test func `A handler need not read the body that was buffered`() async throws {
    try await withHost([.probe("uploads")], configuration: Self.entry("PUT /unread")) { host in
      let connection = try host.connect()
      defer { connection.close() }
      for _ in 0..<2 {
        try await connection.send(Self.head("PUT /unread", "Content-Length: 4") + "ab")
        try await inFlight(1, on: host)
        try await connection.send("cd")
        #expect(try await connection.response().text == "unread\n")
      }
    }
  }

  @Test func `A buffer for a handler on the event loop is noted as one without effect`() async throws {
    try await withHost([.probe("uploads")], configuration: Self.entry("PUT /loop")) { host in
      let notice = try await host.log.line(containing: "route[0].buffer_body: it has no effect: the handler of plugin")
      #expect(notice.contains("NOTICE") && notice.contains("host.conf:3:1: "), "\(notice)")
      let connection = try host.connect()
      try await connection.send(Self.head("PUT /loop", "Content-Length: 4"))
      #expect(try await connection.response().text == "unread\n")
      connection.close()
    }
  }
}
