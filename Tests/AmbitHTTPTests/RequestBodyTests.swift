import AmbitRuntime
import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// How handlers get at the body of a request.
@Suite struct RequestBodies {
  private func server(maxBody: Int64 = 8 << 20) throws -> TestServer {
    var limits = HTTPLimits()
    limits.maxBody = maxBody
    return try TestServer(
      [
        TestRoute("POST /echo", Handlers.echo),
        TestRoute("POST /sizes/{step}", readInSteps),
        TestRoute("POST /length") { scope in
          let text = String(ambit_body_length(scope))
          return ambit_respond(scope, 200, nil, text, text.utf8.count)
        },
        TestRoute("POST /twice") { scope in
          var first = ambit_str()
          var second = ambit_str()
          let statuses = "\(ambit_body(scope, &first)) \(ambit_body(scope, &second)) \(first.ptr == second.ptr)"
          return ambit_respond(scope, 200, nil, statuses, statuses.utf8.count)
        },
        TestRoute("POST /mixed") { scope in
          var byte: UInt8 = 0
          var whole = ambit_str()
          let statuses = "\(ambit_read(scope, &byte, 0)) \(ambit_read(scope, &byte, 1)) \(ambit_body(scope, &whole))"
          return ambit_respond(scope, 200, nil, statuses, statuses.utf8.count)
        },
      ], limits: limits)
  }

  @Test func `A body in chunks is put together however it was cut`() throws {
    let server = try server()
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    let body = "5;name=\"a;b\"\r\nhello\r\n1\r\n,\r\n00A \t;x\r\n0123456789\r\n0\r\nTrailer: dropped\r\n\r\n"
    let bytes = Array((head + body).utf8)
    for cut in stride(from: 1, to: bytes.count, by: 1) {
      let client = try Client(server)
      try client.send(Array(bytes[..<cut]))
      server.loops.onEach { _ in }
      try client.send(Array(bytes[cut...]))
      let reply = try client.reply()
      #expect(reply.text == "hello,0123456789", "cut at \(cut)")
    }
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test(arguments: [1, 100, 16_351, 16_352, 16_353, 50_000, 1_000_000])
  func `Pipelined bodies of any size reach their handlers`(size: Int) throws {
    let server = try server()
    let client = try Client(server)
    let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for _ in 0..<3 {
      try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
      try client.send(body)
      let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n"
      try client.send(Array(chunked.utf8) + body + Array("\r\n0\r\n\r\n".utf8))
      #expect(try client.reply().body == body)
      #expect(try client.reply().body == body)
    }
  }

  @Test(arguments: [1, 7, 4096])
  func `A body is read in steps that the handler chooses`(step: Int) throws {
    let server = try server()
    let client = try Client(server)
    let body = String(repeating: "abcdefgh", count: 500)
    let extensions = String(repeating: ";extension=12345", count: 500)
    try client.send("POST /sizes/\(step) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    #expect(try client.reply().text == body)
    try client.send(
      "POST /sizes/\(step) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "\(String(body.utf8.count, radix: 16))\(extensions)\r\n\(body)\r\n0\r\n\r\n")
    #expect(try client.reply().text == body)
  }

  @Test func `A handler learns the announced length of its body`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /length HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.reply().text == "0")
    try client.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    #expect(try client.reply().text == "3")
    try client.send("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    #expect(try client.reply().text == "-1")
  }

  @Test(arguments: [
    "Content-Length: 0\r\n\r\n", "Content-Length: 3\r\n\r\nabc",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  ])
  func `A handler gets the same whole body each time`(rest: String) throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /twice HTTP/1.1\r\nHost: a\r\n\(rest)")
    #expect(try client.reply().text == "0 0 true")
  }

  @Test func `The whole of a body is refused once some of it was read`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /mixed HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    #expect(try client.reply().text == "\(AMBIT_INVALID) 1 \(AMBIT_WRONG_STATE)")
  }

  @Test func `A job that waits for the whole body gets all of it, whoever else would read`() throws {
    let server = try TestServer([TestRoute("POST /rivals", readBesideWaitingJob)])
    let client = try Client(server)
    try client.send("POST /rivals HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    server.loops.onEach { _ in }
    try client.send("abc")
    #expect(try client.reply().text == "0 abc")
  }

  @Test func `A handler learns why there is no whole body, each time`() throws {
    let server = try server(maxBody: 4)
    for (body, status) in [("5\r\nabcde\r\n0\r\n\r\n", AMBIT_LIMIT), ("1\r\na\r\nx\r\n", AMBIT_INVALID)] {
      let client = try Client(server)
      try client.send("POST /twice HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)")
      #expect(try client.reply().text == "\(status) \(status) true")
    }
  }

  @Test func `A body in chunks that grows too long is answered with 413`() throws {
    let server = try server(maxBody: 4)
    let client = try Client(server)
    try client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    #expect(try client.reply().status == 413)
    #expect(client.rest().isEmpty)
  }

  @Test func `100 Continue is sent when the handler wants a body that has not come`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    #expect(try client.reply().status == 100)
    try client.send("abc")
    #expect(try client.reply().text == "abc")
  }

  @Test func `No 100 Continue is sent when the body has come with the head`() throws {
    let server = try server()
    let client = try Client(server)
    try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
    #expect(try client.reply().text == "abc")
  }

  @Test func `No 100 Continue is sent when nobody wants the body`() throws {
    let server = try server()
    for path in ["/length", "/missing"] {
      let client = try Client(server)
      try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
      let reply = try client.reply()
      #expect(reply.status == (path == "/length" ? 200 : 404))
      #expect(reply["connection"] == "close")
      #expect(client.rest().isEmpty)
    }
  }

  @Test func `100 Continue is sent before a response that begins before the body is read`() throws {
    let server = try TestServer([
      TestRoute("POST /late") { scope in
        _ = ambit_begin(scope, 200, 5)
        _ = ambit_write(scope, "ab", 2)
        var body = ambit_str()
        let status = ambit_body(scope, &body)
        _ = ambit_write(scope, body.ptr, body.len)
        return status
      }
    ])
    let client = try Client(server)
    try client.send("POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    #expect(try client.reply().status == 100)
    #expect(try client.head().status == 200)
    #expect(try client.take(2) == Array("ab".utf8))
    try client.send("cde")
    #expect(try client.take(3) == Array("cde".utf8))
  }
}

/// Reads the body with a buffer of `{step}` bytes and sends back what it read.
private let readInSteps: ambit_handler = { scope in
  let parameter = ambit_param(scope, "step")
  let step = Int(String(decoding: UnsafeRawBufferPointer(start: parameter.ptr, count: parameter.len), as: UTF8.self))!
  var buffer = [UInt8](repeating: 0, count: step)
  var whole: [UInt8] = []
  while true {
    let count = ambit_read(scope, &buffer, step)
    guard count > 0 else { return count < 0 ? Int32(count) : ambit_respond(scope, 200, nil, whole, whole.count) }
    whole += buffer[..<Int(count)]
  }
}

/// Tries to read, again and again, while a job waits for the whole body; sends back what the job got.
private let readBesideWaitingJob: ambit_handler = { scope in
  struct Found {
    var status = AMBIT_PENDING
    var body = ambit_str()
  }
  let found = ambit_alloc(scope, MemoryLayout<Found>.size)!.bindMemory(to: Found.self, capacity: 1)
  found.initialize(to: Found())
  let readWhole: ambit_job_fn = { scope, argument in
    let found = argument!.assumingMemoryBound(to: Found.self)
    found.pointee.status = ambit_body(scope, &found.pointee.body)
    return AMBIT_OK
  }
  _ = ambit_spawn(scope, readWhole, found, nil, nil)
  var byte: UInt8 = 0
  while found.pointee.status == AMBIT_PENDING, ambit_yield(scope) == AMBIT_OK { _ = ambit_read(scope, &byte, 1) }
  let body = UnsafeRawBufferPointer(start: found.pointee.body.ptr, count: found.pointee.body.len)
  let answer = "\(found.pointee.status) \(String(decoding: body, as: UTF8.self))"
  return ambit_respond(scope, 200, nil, answer, answer.utf8.count)
}
