import AmbitRuntime
import CAmbit
import Glibc
import TestSupport
import Testing

@testable import AmbitHTTP

/// More than the kernel takes for a client that does not read.
private let size = 8 << 20

/// Responses that jobs make, after the handler has returned or beside it.
@Suite struct ResponsesFromJobs {
  @Test func `A job sends a large body under back-pressure`() throws {
    let server = try TestServer([
      TestRoute(
        "GET /",
        { scope in
          leaveTo(scope) { scope, _ in
            let bytes = ambit_alloc(scope, size)!
            memset(bytes, 7, size)
            scope.note("writing")
            scope.note("\(ambit_respond(scope, 200, nil, bytes, size))")
            return AMBIT_OK
          }
        })
    ])
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "writing"))
    for _ in 0..<2 {
      let isWhole = try client.reply().body == [UInt8](repeating: 7, count: size)
      #expect(isWhole)
    }
    #expect(server.journal.lines == ["writing", "0", "writing", "0"])
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `The host keeps no more than one write of a body that nobody reads`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let bytes = ambit_alloc(scope, 1 << 20)!
        _ = ambit_begin(scope, 200, 64 << 20)
        for _ in 0..<64 {
          guard ambit_write(scope, bytes, 1 << 20) == AMBIT_OK else { return AMBIT_FAILED }
          if ExchangePointer.of(scope)!.pointee.carrier!.connection.transport.pendingOutput > 0 { scope.note("kept") }
        }
        return ambit_end(scope)
      }
    ])
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.head()
    for _ in 0..<64 { #expect(try client.take(1 << 20).count == 1 << 20) }
    #expect(server.journal.lines.isEmpty)
  }

  @Test func `One job at a time may write a response`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        let bytes = ambit_alloc(scope, size)!
        memset(bytes, 7, size)
        _ = ambit_begin(scope, 200, -1)
        var writer: OpaquePointer?
        let write: ambit_job_fn = { scope, bytes in ambit_write(scope, bytes, size) }
        _ = ambit_spawn(scope, write, bytes, nil, &writer)
        _ = ambit_yield(scope)
        scope.note("\(ambit_write(scope, "x", 1)) \(ambit_end(scope))")
        _ = ambit_join(scope, writer, -1, nil, nil)
        scope.note("\(ambit_write(scope, "x", 1))")
        return ambit_end(scope)
      }
    ])
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "\(AMBIT_WRONG_STATE) \(AMBIT_WRONG_STATE)"))
    let isWhole = try client.reply().body == [UInt8](repeating: 7, count: size) + Array("x".utf8)
    #expect(isWhole)
  }

  @Test func `A connection is closed when the handler returns while a job writes`() throws {
    let server = try TestServer([
      TestRoute("GET /ok", Handlers.ok),
      TestRoute("GET /") { scope in
        let bytes = ambit_alloc(scope, size)!
        _ = ambit_begin(scope, 200, -1)
        let write: ambit_job_fn = { scope, bytes in
          scope.note("write \(ambit_write(scope, bytes, size))")
          return AMBIT_OK
        }
        _ = ambit_spawn(scope, write, bytes, nil, nil)
        return ambit_yield(scope)
      },
    ])
    let client = try Client(server, receiveBuffer: 4096)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "write \(AMBIT_CANCELLED)"))
    #expect(try client.head()["transfer-encoding"] == "chunked")
    let rest = client.rest()
    #expect(rest.count < size)
    let hasSecondResponse = rest.contains(UInt8(ascii: "H"))
    #expect(!hasSecondResponse)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A job that still reads gets no body bytes of the next request`() throws {
    let server = try TestServer([
      TestRoute("POST /leave") { scope in
        let read: ambit_job_fn = { scope, _ in
          var byte: UInt8 = 0
          scope.note("reading")
          scope.note("read \(ambit_read(scope, &byte, 1))")
          return AMBIT_OK
        }
        _ = ambit_spawn(scope, read, nil, nil, nil)
        _ = ambit_yield(scope)
        return ambit_respond(scope, 200, nil, "left", 4)
      }
    ])
    let client = try Client(server)
    try client.send("POST /leave HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    #expect(try client.reply().text == "left")
    #expect(server.journal.waits(for: "read \(AMBIT_CANCELLED)"))
    #expect(client.rest().isEmpty)
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A request whose jobs have all ended without a response is answered with 500`() throws {
    let server = try TestServer([
      TestRoute("GET /pending", { scope in leaveTo(scope) { _, _ in AMBIT_OK } }),
      TestRoute("GET /none") { _ in AMBIT_PENDING },
      TestRoute("GET /failed", { scope in leaveTo(scope) { _, _ in AMBIT_FAILED } }),
      TestRoute(
        "GET /cancelled",
        { scope in
          leaveTo(scope) { scope, _ in
            ambit_cancel(scope)
            return AMBIT_OK
          }
        }),
    ])
    let client = try Client(server)
    for path in ["pending", "none", "failed", "cancelled"] {
      try client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reply().status == 500, "\(path)")
    }
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  @Test func `A connection is closed when all jobs have ended in the middle of a response`() throws {
    let server = try TestServer([
      TestRoute(
        "GET /",
        { scope in
          leaveTo(scope) { scope, _ in
            _ = ambit_begin(scope, 200, -1)
            return ambit_write(scope, "half", 4)
          }
        })
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.head()
    #expect(client.rest() == Array("4\r\nhalf\r\n".utf8))
  }

  @Test func `Bytes that were written are sent before the handler waits`() throws {
    let server = try TestServer([
      TestRoute("GET /") { scope in
        _ = ambit_begin(scope, 200, -1)
        _ = ambit_write(scope, "first", 5)
        return ambit_sleep(scope, 60_000_000_000)
      }
    ])
    let client = try Client(server)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.head()
    #expect(try client.take(10) == Array("5\r\nfirst\r\n".utf8))
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }
}
