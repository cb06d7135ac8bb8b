import TestSupport
import Testing

/// Bodies of requests and responses.
@Suite struct `Bodies` {
  @Test func `The echo route returns a body of known length with its content type`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await host.answer(
        to: "POST /echo HTTP/1.1\r\nHost: ambit\r\nContent-Type: text/x-probe\r\nContent-Length: 5\r\n\r\nhallo")
      #expect(answer.status == 200)
      #expect(answer.text == "hallo")
      #expect(answer["Content-Type"] == "text/x-probe")
    }
  }

  @Test func `The echo route returns a chunked body, however it is cut`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send("POST /echo HTTP/1.1\r\nHost: ambit\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWi")
      for piece in ["ki", "\r", "\n", "5;note=\"x\"\r\npedi", "a\r\n0\r\nTrailer: dropped\r\n", "\r\n"] {
        try await connection.send(piece)
      }
      let answer = try await connection.response()
      #expect(answer.status == 200)
      #expect(answer.text == "Wikipedia")
    }
  }

  @Test func `A megabyte sent by curl in chunks comes back unchanged`() async throws {
    try await withHost([.sample("hello")]) { host in
      let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
      try host.directory.write(bytes: sent, as: "body")
      let answer = try await curl(
        "--header", "Transfer-Encoding: chunked", "--data-binary", "@\(host.directory.filePath)/body",
        host.url("/echo"))
      #expect(answer.status == .exited(0))
      #expect(answer.output == sent)
    }
  }

  @Test func `A client that expects 100-continue is told to go on before it sends the body`() async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send(
        "POST /echo HTTP/1.1\r\nHost: ambit\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      let interim = try await connection.response()
      #expect(interim.status == 100)
      try await connection.send("hallo")
      let answer = try await connection.response()
      #expect(answer.status == 200)
      #expect(answer.text == "hallo")
    }
  }

  @Test func `A body that curl sends with an Expect field is echoed`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await curl(
        "--verbose", "--header", "Expect: 100-continue", "--data", "hallo", host.url("/echo"))
      #expect(answer.errors.contains("HTTP/1.1 100 Continue"))
      #expect(answer.text == "hallo")
    }
  }

  @Test func `A client that expects 100-continue of a route that does not exist gets its 404 instead`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await host.answer(
        to: "POST /nothing-here HTTP/1.1\r\nHost: ambit\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(answer.status == 404)
    }
  }

  @Test func `A response of unknown length goes out in chunks`() async throws {
    try await withHost([.probe("bodies")]) { host in
      let answer = try await host.get("/pieces")
      #expect(answer["Transfer-Encoding"] == "chunked")
      #expect(answer["Content-Length"] == nil)
      #expect(answer.text == "one two three\n")
    }
  }

  @Test func `A response of announced length goes out as it is`() async throws {
    try await withHost([.probe("bodies")]) { host in
      let answer = try await host.get("/announced")
      #expect(answer["Transfer-Encoding"] == nil)
      #expect(answer["Content-Length"] == "6")
      #expect(answer.text == "abcdef")
    }
  }

  @Test func `A handler reads the whole body at once`() async throws {
    try await withHost([.probe("bodies")]) { host in
      let known = try await host.answer(
        to: "POST /measure HTTP/1.1\r\nHost: ambit\r\nContent-Length: 5\r\n\r\nhallo")
      #expect(known.text == "5 of 5\n")
      let unknown = try await host.answer(
        to: "POST /measure HTTP/1.1\r\nHost: ambit\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhallo\r\n0\r\n\r\n")
      #expect(unknown.text == "5 of -1\n")
    }
  }

  @Test(arguments: [
    (
      "zz\r\n", 400, "the request body is malformed",
      "the request's body is malformed, and the handler returned AMBIT_INVALID"
    ),
    (
      "b\r\nhello world\r\n0\r\n\r\n", 413, "the request body is too large",
      "the request's body is longer than max_body, and the handler returned AMBIT_LIMIT"
    ),
  ])
  func `A body that cannot be read to its end is no fault of the handler that tries`(
    chunks: String, status: Int, text: String, note: String
  ) async throws {
    try await withHost([.probe("bodies")], configuration: "threads = 1\n[limits]\nmax_body = 10") { host in
      for _ in 0..<3 {
        let answer = try await host.answer(
          to: "POST /measure HTTP/1.1\r\nHost: ambit\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
        #expect(answer.status == status && answer.text.contains(text), "\(answer)")
      }
      let line = try await host.log.line(containing: note)
      #expect(line.contains("INFO") && line.field("fault") == nil && line.field("plugin") == "bodies/1", "\(line)")
      #expect(line.contains("; logged at most every 10 s "), "\(line)")
      #expect(await host.stop() == .exited(0))
      #expect(host.log.lines { $0.contains(note) }.count == 1)
    }
  }

  @Test func `A body that a handler left unread does not become the next request`() async throws {
    try await withHost([.sample("hello"), .probe("results")]) { host in
      let connection = try host.connect()
      try await connection.send(
        "GET /nothing HTTP/1.1\r\nHost: ambit\r\nContent-Length: 31\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n"
          + "GET /hello/next HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 200)
      #expect(try await connection.response().text == "Hello, next!\n")
    }
  }

  @Test func `A writer waits for a slow reader instead of filling memory`() async throws {
    try await withHost([.probe("bodies"), .sample("hello")], configuration: "threads = 1") { host in
      #expect(try await host.get("/hello/warm").status == 200)
      let before = try host.memory("VmRSS")
      let connection = try host.connect(receiveBuffer: 4096)
      try await connection.send("GET /flood?mebibytes=64 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let head = try await connection.head()
      #expect(head["Content-Length"] == "67108864")
      // There is one loop. Its response shows that the writer has suspended, with nearly all bytes still to be written.
      #expect(try await host.get("/hello/meanwhile").text == "Hello, meanwhile!\n")
      #expect(host.log.lines { $0.contains("flood over") }.isEmpty)
      for block in 0..<1024 {
        let bytes = try await connection.take(65536)
        guard bytes.allSatisfy({ $0 == UInt8(truncatingIfNeeded: block) }) else {
          Issue.record("block \(block) holds other bytes")
          return
        }
      }
      try await host.log.line(containing: "flood over status=0")
      let grown = try host.memory("VmHWM") - before
      #expect(grown < 16 << 20, "the host grew by \(grown) bytes")
    }
  }
}
