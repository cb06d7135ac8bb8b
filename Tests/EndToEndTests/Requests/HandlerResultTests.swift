import TestSupport
import Testing

/// The response and the log line for each number that a handler can return.
@Suite struct `Handler results` {
  @Test(arguments: [
    (-1, 500), (-2, 504), (-3, 500), (-4, 500), (-5, 503), (-6, 500), (-7, 500), (-8, 500), (-9, 500), (-10, 500),
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

  @Test(arguments: [(-11, 400, "AMBIT_BAD_REQUEST"), (-12, 404, "AMBIT_NOT_FOUND")])
  func `AMBIT_BAD_REQUEST and AMBIT_NOT_FOUND are the client's fault`(returned: Int, expected: Int, name: String)
    async throws
  {
    try await withHost([.probe("results")]) { host in
      let answer = try await host.get("/fail/\(returned)")
      #expect(answer.status == expected && isOneLine(answer.text) && !answer.text.contains("moon"), "\(answer.text)")
      let line = try await host.log.line(containing: "handler returned \(name): the moon is full")
      #expect(line.contains(" INFO ") && line.field("fault") == nil, "\(line)")
      #expect(line.field("route") == "GET /fail/{number}" && line.field("plugin") == "results/1", "\(line)")
    }
  }

  @Test func `The reason that a handler gives is logged and not sent to the client`() async throws {
    try await withHost([.probe("results")]) { host in
      let answer = try await host.get("/fail/-10")
      #expect(answer.status == 500)
      #expect(!answer.text.contains("moon"))
      let line = try await host.log.line(containing: "handler returned AMBIT_FAILED: the moon is full")
      #expect(line.contains(" ERROR ") && line.field("fault") == "plugin", "\(line)")
    }
  }

  @Test(arguments: [
    ("respond", "AMBIT_INVALID from ambit_respond: status 600, expected 200 to 599"),
    ("content-type", "AMBIT_INVALID from ambit_respond: content_type: expected a text without CR, LF and NUL"),
    ("header", #"AMBIT_INVALID from ambit_set_header: header "Content-Length": the host writes it itself"#),
    ("begin", "AMBIT_INVALID from ambit_begin: length -2, expected -1 or more"),
    ("sleep", "AMBIT_INVALID from ambit_sleep: duration -5, expected 0 or more"),
    ("spawn", "AMBIT_INVALID from ambit_spawn: fn: expected a function, found NULL"),
    ("spawn_call", "AMBIT_INVALID from ambit_spawn_call: signature \"i33 ()\":1:1: unknown type"),
    ("wait_fd", "AMBIT_INVALID from ambit_wait_fd: fd 987654 is not open"),
    ("read", "AMBIT_INVALID from ambit_read: expected room for bytes, found NULL"),
    ("write", "AMBIT_WRONG_STATE from ambit_write: the response has not begun"),
    ("open", "AMBIT_INVALID from ambit_open: options.flags: found a flag that this host does not know"),
    ("with-a-reason", "AMBIT_INVALID: the moon is full (ambit_respond: status 0, expected 200 to 599)"),
  ])
  func `The line about a failed handler names the call whose status it returned`(call: String, text: String)
    async throws
  {
    try await withHost([.probe("results")]) { host in
      for route in ["/refused", "/refused-on-a-thread"] {
        let position = host.log.position
        #expect(try await host.get("\(route)/\(call)").status == 500)
        let line = try await host.log.line(after: position, containing: "handler returned \(text)")
        #expect(line.field("fault") == "plugin", "\(line)")
      }
    }
  }

  @Test func `A call that failed earlier is not blamed for another status`() async throws {
    try await withHost([.probe("results")]) { host in
      _ = try await host.get("/refused/earlier")
      let line = try await host.log.line(containing: "handler returned AMBIT_FAILED")
      #expect(line.contains("AMBIT_FAILED: another one fault=plugin"), "\(line)")
      _ = try await host.get("/return/-4")
      try await host.log.line(
        containing: "handler returned AMBIT_INVALID; if the request is at fault, return AMBIT_BAD_REQUEST")
    }
  }

  @Test(arguments: [
    (
      "/return/404",
      "404, which is no ambit_status; to answer 404, return AMBIT_NOT_FOUND, or AMBIT_OK after "
        + "ambit_set_status(scope, 404)"
    ),
    ("/return/200", "200, which is no ambit_status; to answer 200, return AMBIT_OK after ambit_set_status(scope, 200)"),
    ("/after/200", "200, which is no ambit_status; the response was complete: return AMBIT_OK"),
    ("/return/7", "7, expected AMBIT_OK, AMBIT_PENDING or a negative ambit_status"),
    ("/return/-99", "-99, which is no ambit_status of this host"),
  ])
  func `A handler that returns no status is told what it probably meant`(path: String, text: String) async throws {
    try await withHost([.probe("results")]) { host in
      #expect(try await host.get(path).status == (path.hasPrefix("/after") ? 200 : 500))
      let line = try await host.log.line(containing: "handler returned \(text)")
      #expect(line.field("fault") == "plugin", "\(line)")
    }
  }

  @Test func `A job that answers although its handler returned AMBIT_OK is told of AMBIT_PENDING`() async throws {
    try await withHost([.probe("results")]) { host in
      let empty = try await host.get("/job-answers")
      #expect(empty.status == 200 && empty.body.isEmpty)
      let line = try await host.log.line(
        containing: "a job called ambit_respond after its handler had returned AMBIT_OK")
      #expect(line.contains("a handler whose job responds returns AMBIT_PENDING"), "\(line)")
      #expect(line.field("fault") == "plugin" && line.field("job") == "answers", "\(line)")
      let position = host.log.position
      #expect(try await host.get("/job-answers-for-a-pending-handler").text == "late")
      #expect(host.log.lines { $0.number > position && $0.field("fault") != nil }.isEmpty)
      #expect(await host.stop() == .exited(0))
      #expect(host.log.lines { $0.field("job") == "answers" }.count == 1)
    }
  }

  @Test func `A handler that spawns often in a cancelled scope is not taken for one that repeats a wait`()
    async throws
  {
    try await withHost([.probe("results")]) { host in
      _ = try await host.get("/spawns-in-vain")
      try await host.log.line(containing: "refused 100")
      #expect(host.log.lines { $0.contains("repeats a wait") }.isEmpty)
    }
  }

  @Test func `A client that leaves a route that goes on without it is no fault of the handler`() async throws {
    try await withHost([.probe("results")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /endless HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connection.close()
      let line = try await host.log.line(containing: "the client has left, and the handler returned AMBIT_CLOSED")
      #expect(line.contains(" INFO ") && line.field("fault") == nil, "\(line)")
    }
  }

  @Test(arguments: [
    ("/after/-12", 200, "AMBIT_NOT_FOUND; the response (200) was complete, so the status changed nothing"),
    ("/after/-4", 200, "AMBIT_INVALID; the response (200) was complete, so the status changed nothing"),
    ("/late/-10", 504, "AMBIT_FAILED; the client had got 504 at the deadline, so the status changed nothing"),
  ])
  func `A status after the response changes nothing, and the log says so as a fault of the plugin`(
    path: String, status: Int, text: String
  ) async throws {
    try await withHost([.probe("results")], configuration: "[limits]\nrequest_timeout = \"2s\"") { host in
      #expect(try await host.get(path).status == status)
      let line = try await host.log.line(containing: "handler returned \(text)")
      #expect(line.contains("ERROR") && line.field("fault") == "plugin", "\(line)")
    }
  }

  @Test func `A handler that has found nothing when its client has got 504 is not at fault`() async throws {
    try await withHost([.probe("results")], configuration: "[limits]\nrequest_timeout = \"2s\"") { host in
      #expect(try await host.get("/late/-12").status == 504)
      let line = try await host.log.line(
        containing: "handler returned AMBIT_NOT_FOUND; the client had got 504 at the deadline")
      #expect(line.contains(" INFO ") && line.field("fault") == nil, "\(line)")
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
      let line = try await host.log.line(containing: "handler returned AMBIT_FAILED")
      let consequence = "the response (200) had begun, so the client gets only a part of it, and the connection closes"
      #expect(line.contains("AMBIT_FAILED; \(consequence) fault=plugin"), "\(line)")
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
