import TestSupport
import Testing

/// The response and the log line for each number that a handler can return.
@Suite struct `Handler results` {
  @Test(arguments: [
    (-1, 500), (-2, 504), (-3, 500), (-4, 400), (-5, 503), (-6, 500), (-7, 500), (-8, 500), (-9, 500), (-10, 500),
    (-99, 500),
  ])
  func `A negative status becomes a response and a log line`(returned: Int, expected: Int) async throws {
    try await withHost([.probe("results")]) { host in
      let answer = try await host.get("/return/\(returned)")
      #expect(answer.status == expected)
      #expect(isOneLine(answer.text))
      let line = try await host.log.line { $0.field("fault") == "plugin" }
      #expect(line.field("route") == "GET /return/{number}")
      #expect(line.field("plugin") == "results/1")
    }
  }

  @Test func `The reason that a handler gives is logged and not sent to the client`() async throws {
    try await withHost([.probe("results")]) { host in
      let answer = try await host.get("/fail/-10")
      #expect(answer.status == 500)
      #expect(!answer.text.contains("moon"))
      let line = try await host.log.line(containing: "the moon is full")
      #expect(line.field("fault") == "plugin")
    }
  }

  @Test func `A connection serves on after a refused request`() async throws {
    try await withHost([.probe("results")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /return/-10 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 500)
      try await connection.send("GET /nothing HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 200)
    }
  }

  @Test func `A failure in the middle of a response closes the connection`() async throws {
    try await withHost([.probe("results")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /cut/-10 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let received = String(decoding: try await connection.rest(), as: UTF8.self)
      #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n") && received.hasSuffix("half."))
      try await host.log.line { $0.field("fault") == "plugin" && $0.field("route") == "GET /cut/{number}" }
    }
  }

  @Test func `A body shorter than announced closes the connection and is logged`() async throws {
    try await withHost([.probe("results")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /too-short HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let received = String(decoding: try await connection.rest(), as: UTF8.self)
      #expect(received.hasSuffix("half."))
      try await host.log.line { $0.field("fault") == "plugin" && $0.field("route") == "GET /too-short" }
    }
  }

  @Test func `A handler that only returns gives an empty 200, or the status it set`() async throws {
    try await withHost([.probe("results")]) { host in
      let empty = try await host.get("/nothing")
      #expect(empty.status == 200 && empty.body.isEmpty && empty["Content-Length"] == "0")
      let accepted = try await host.get("/status-only")
      #expect(accepted.status == 202 && accepted.reason == "Accepted" && accepted.body.isEmpty)
    }
  }
}

/// Whether `text` is one line with its end, and not empty.
func isOneLine(_ text: String) -> Bool {
  text.count > 1 && text.hasSuffix("\n") && text.filter(\.isNewline).count == 1
}

/// The ABI is fixed as a whole. Calls that the host does not have yet say so.
@Suite struct `Calls that are not there yet` {
  @Test func `Calls that are not implemented yet return AMBIT_UNSUPPORTED and do no harm`() async throws {
    try await withHost([.probe("unsupported")]) { host in
      let lines = try await host.get("/call-all").text.split(separator: "\n")
      #expect(lines.count == 1)
      #expect(lines.filter { !$0.hasSuffix(" -9") }.isEmpty)
    }
  }
}
