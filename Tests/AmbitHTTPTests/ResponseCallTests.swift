import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// What the calls that make a response return, in order and out of order.
@Suite struct ResponseCalls {
  /// The statuses that a handler notes, and what its client gets.
  private func run(_ request: String = "GET", _ handler: @escaping ambit_handler) throws -> (
    lines: [String], reply: ReceivedResponse
  ) {
    let server = try TestServer([TestRoute("GET /", handler)])
    let client = try Client(server)
    try client.send("\(request) / HTTP/1.1\r\nHost: a\r\n\r\n")
    let reply = try client.reply(toHead: request == "HEAD")
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
    return (server.journal.lines, reply)
  }

  @Test func `A handler begins a response once`() throws {
    let (lines, reply) = try run { scope in
      scope.note("\(ambit_write(scope, "x", 1)) \(ambit_end(scope))")
      scope.note("\(ambit_begin(scope, 200, -2)) \(ambit_begin(scope, 99, 1)) \(ambit_begin(scope, 600, 1))")
      scope.note("\(ambit_begin(scope, 201, 2)) \(ambit_begin(scope, 200, 2))")
      scope.note("\(ambit_respond(scope, 200, nil, "x", 1)) \(ambit_set_status(scope, 200))")
      scope.note("\(ambit_set_header(scope, "a", "b")) \(ambit_add_header(scope, "a", "b"))")
      scope.note("\(ambit_write(scope, nil, 1)) \(ambit_write(scope, nil, 0)) \(ambit_write(scope, "ok", 2))")
      scope.note("\(ambit_end(scope)) \(ambit_end(scope)) \(ambit_write(scope, "x", 1))")
      return AMBIT_OK
    }
    #expect(lines == ["-7 -7", "-4 -4 -4", "0 -7", "-7 -7", "-7 -7", "-4 0 0", "0 -7 -7"])
    #expect(reply.status == 201 && reply.text == "ok")
  }

  @Test func `A write that exceeds the announced length sends nothing`() throws {
    let (lines, reply) = try run { scope in
      _ = ambit_begin(scope, 200, 5)
      scope.note("\(ambit_write(scope, "123", 3)) \(ambit_write(scope, "456", 3)) \(ambit_write(scope, "45", 2))")
      return ambit_end(scope)
    }
    #expect(lines == ["0 -4 0"])
    #expect(reply.text == "12345")
  }

  @Test(arguments: [true, false])
  func `A body that is too short closes the connection`(endsItself: Bool) throws {
    let server = try TestServer([
      TestRoute("GET /true") { scope in
        _ = ambit_begin(scope, 200, 5)
        _ = ambit_write(scope, "123", 3)
        scope.note("\(ambit_end(scope)) \(ambit_end(scope))")
        return AMBIT_OK
      },
      TestRoute("GET /false") { scope in
        _ = ambit_begin(scope, 200, 5)
        return ambit_write(scope, "123", 3)
      },
    ])
    let client = try Client(server)
    try client.send("GET /\(endsItself) HTTP/1.1\r\nHost: a\r\n\r\nGET /\(endsItself) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.head()["content-length"] == "5")
    #expect(client.rest() == Array("123".utf8))
    #expect(server.journal.lines == (endsItself ? ["\(AMBIT_INVALID) \(AMBIT_WRONG_STATE)"] : []))
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A header value cannot break out of its line`() throws {
    let (lines, reply) = try run { scope in
      let names = ["", "a b", "a:", "a\r\nb", "a\n", "ä", "Content-Length", "transfer-encoding", "Connection"]
      scope.note(names.map { String(ambit_set_header(scope, $0, "x")) }.joined(separator: " "))
      let values = ["a\r\nInjected: 1", "a\nb", "a\rb", "\u{1}"]
      scope.note(values.map { String(ambit_add_header(scope, "x", $0)) }.joined(separator: " "))
      scope.note("\(ambit_respond(scope, 200, "text/plain\r\nInjected: 1", nil, 0))")
      scope.note("\(ambit_set_header(scope, nil, "x")) \(ambit_set_header(scope, "x", nil))")
      return ambit_set_header(scope, "X-Tab", "a\tb")
    }
    #expect(lines == [Array(repeating: "-4", count: 9).joined(separator: " "), "-4 -4 -4 -4", "-4", "-4 -4"])
    #expect(reply["injected"] == nil && reply["x-tab"] == "a\tb" && reply["x"] == nil)
  }

  @Test func `Headers are set, added and replaced in any case`() throws {
    let (_, reply) = try run { scope in
      _ = ambit_add_header(scope, "Set-Cookie", "a")
      _ = ambit_add_header(scope, "Set-Cookie", "b")
      _ = ambit_set_header(scope, "X-One", "1")
      _ = ambit_add_header(scope, "x-one", "2")
      _ = ambit_set_header(scope, "X-ONE", "3")
      _ = ambit_set_header(scope, "content-type", "text/html")
      for number in 0..<100 { _ = ambit_add_header(scope, "X-Number", String(number)) }
      return ambit_respond(scope, 200, "text/plain", nil, 0)
    }
    let values = { (name: String) in reply.headers.filter { $0.name.lowercased() == name }.map(\.value) }
    #expect(values("set-cookie") == ["a", "b"])
    #expect(values("x-one") == ["3"])
    #expect(values("content-type") == ["text/plain"])
    #expect(values("x-number") == (0..<100).map(String.init))
  }

  @Test func `Bytes that are written to HEAD are dropped`() throws {
    let (lines, reply) = try run("HEAD") { scope in
      _ = ambit_begin(scope, 200, 5)
      scope.note("\(ambit_write(scope, "12345", 5)) \(ambit_end(scope))")
      return AMBIT_OK
    }
    #expect(lines == ["0 0"])
    #expect(reply["content-length"] == "5")
  }

  @Test func `A handler that does not answer gives a response with the status set so far`() throws {
    let (lines, reply) = try run { scope in
      scope.note("\(ambit_set_status(scope, 101)) \(ambit_set_status(scope, 600)) \(ambit_set_status(scope, 202))")
      return AMBIT_OK
    }
    #expect(lines == ["-4 -4 0"])
    #expect(reply.status == 202 && reply.body.isEmpty)
  }

  @Test func `A stream that the handler leaves open is completed`() throws {
    let (_, reply) = try run { scope in
      _ = ambit_begin(scope, 200, -1)
      return ambit_write(scope, "all", 3)
    }
    #expect(reply.text == "all")
  }

  @Test(arguments: [
    AMBIT_LIMIT: 503, AMBIT_INVALID: 500, AMBIT_BAD_REQUEST: 400, AMBIT_NOT_FOUND: 404,
    AMBIT_TIMED_OUT: 504, AMBIT_FAILED: 500, AMBIT_CANCELLED: 500, -77: 500,
  ])
  func `A handler that fails is answered for`(status: Int32, expected: Int) throws {
    let server = try TestServer([
      TestRoute("GET /{status}") { scope in
        let text = ambit_param(scope, "status")
        _ = ambit_set_header(scope, "X-Lost", "1")
        return Int32(String(decoding: UnsafeRawBufferPointer(start: text.ptr, count: text.len), as: UTF8.self))!
      }
    ])
    let client = try Client(server)
    for _ in 0..<2 {
      try client.send("GET /\(status) HTTP/1.1\r\nHost: a\r\n\r\n")
      let reply = try client.reply()
      #expect(reply.status == expected && reply["x-lost"] == nil)
    }
  }

  @Test func `A handler that fails in the middle of its response closes the connection`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        _ = ambit_begin(scope, 200, -1)
        _ = ambit_write(scope, "half", 4)
        return AMBIT_FAILED
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.head()
    #expect(client.rest() == Array("4\r\nhalf\r\n".utf8))
  }

  @Test func `A handler sees the parts of its request`() throws {
    let server = try TestServer([TestRoute("GET /a/{name}/{rest...}", describeRequest)])
    let client = try Client(server)
    try client.send("GET /a/b%20c/./d/e?q=%41+b&q=2&f HTTP/1.1\r\nHost: example:1\r\nX-A: 1\r\nx-a:  2 \r\n\r\n")
    #expect(
      try client.reply().text == """
        GET
        /a/b c/d/e
        /a/b%20c/./d/e?q=%41+b&q=2&f
        q=%41+b&q=2&f
        http
        example:1
        GET /a/{name}/{rest...}
        b c
        d/e
        -
        A b

        -
        1
        -
        3 x-a=2 false- false
        """)
  }
}

private let describeRequest: ambit_handler = { scope in
  func text(_ text: ambit_str) -> String {
    guard let start = text.ptr else { return "-" }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: text.len), as: UTF8.self)
  }
  var name = ambit_str()
  var value = ambit_str()
  _ = ambit_header_at(scope, 2, &name, &value)
  let third = "\(text(name))=\(text(value))"
  let isThere = ambit_header_at(scope, 3, &name, &value)
  let lines = [
    text(ambit_method(scope)), text(ambit_path(scope)), text(ambit_target(scope)), text(ambit_query_string(scope)),
    text(ambit_scheme(scope)), text(ambit_authority(scope)), text(ambit_route_pattern(scope)),
    text(ambit_param(scope, "name")), text(ambit_param(scope, "rest")), text(ambit_param(scope, "none")),
    text(ambit_query(scope, "q")), text(ambit_query(scope, "f")), text(ambit_query(scope, "none")),
    text(ambit_header(scope, "X-a")), text(ambit_header(scope, "none")),
    "\(ambit_header_count(scope)) \(third) \(isThere)\(text(name)) \(ambit_header_at(scope, -1, &name, &value))",
  ]
  let body = lines.joined(separator: "\n")
  return ambit_respond(scope, 200, nil, body, body.utf8.count)
}
