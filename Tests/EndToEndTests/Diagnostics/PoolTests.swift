import Foundation
import TestSupport
import Testing

/// What the log and the status tell about the threads of the pool.
@Suite struct `The pool of threads` {
  @Test func `Work that waits in vain for a thread is reported once, with those who have the threads, and its end`()
    async throws
  {
    let settings = "threads = 1\npool_threads = 4\n[limits]\nrequest_timeout = \"0s\"\n[plugin.uploads]\njob = true\n"
    try await withHost([.probe("uploads")], configuration: settings) { host in
      let slow = try (0..<2).map { _ in try host.connect() }
      for client in slow { try await client.send("PUT /whole HTTP/1.1\r\nHost: ambit\r\nContent-Length: 3\r\n\r\n") }
      _ = try await host.log.lines(2) { $0.text == "begun whole" }
      async let holder = host.get("/holds")
      try await host.log.line { $0.text == "begun holds" }
      async let late = host.get("/quick")
      let line = try await host.log.line(containing: "no thread of the pool has become free for ")
      #expect(line.contains("WARNING") && line.contains("1 request or job waits for one; 4 of 4 threads"), "\(line)")
      #expect(line.contains("2 by handler PUT /whole of plugin uploads/1 (waits for body, for up to "), "\(line)")
      #expect(line.contains("1 by handler GET /holds of plugin uploads/1 ("), "\(line)")
      #expect(line.contains("1 by job waiter of plugin uploads/1 (waits for sleep, "), "\(line)")
      #expect(line.contains("with buffer_body, slow bodies hold no thread"), "\(line)")
      #expect(line.field("plugin") == "uploads/1" && line.field("route") == "PUT /whole", "\(line)")
      #expect(line.field("threads") == "4" && line.field("waiting") == "1" && line.field("ms") != nil, "\(line)")

      let status = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      #expect(status.text.contains("4 of 4 threads in use, 1 waiting; at most 4 in use so far"), "\(status.text)")
      #expect(status.text.contains(/\n2 +\d+ +waits for body +handler PUT \/whole of plugin uploads\/1\n/))
      let pool = try await host.adminJSON("/status").object("pool")
      #expect(pool.names == ["threads", "in_use", "most_in_use", "waiting", "held_by"])
      #expect(pool.number("threads") == 4 && pool.number("in_use") == 4 && pool.number("waiting") == 1)
      let holders = pool.objects("held_by")
      #expect(holders.first?.number("threads") == 2 && holders.first?.text("state") == "waits for body")
      #expect(holders.first?.names == ["threads", "plugin", "route", "job", "state", "milliseconds"])
      #expect(holders.contains { $0.text("job") == "waiter" && $0.text("route") == nil })

      try host.directory.write("", as: "go")
      #expect(try await late.status == 200)
      #expect(try await holder.status == 200)
      let end = try await host.log.line(containing: "no request or job waits for a thread of the pool any more, after ")
      #expect(end.contains("NOTICE"), "\(end)")
      for client in slow {
        try await client.send("abc")
        #expect(try await client.response().status == 200)
        client.close()
      }
      #expect(host.log.lines { $0.contains("no thread of the pool") }.count == 1)
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        try await host.adminJSON("/status").object("pool").number("in_use")
      }
      let idle = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      let expected = "1 of 4 threads in use, 0 waiting; at most 4 in use so far in the workers that serve\n"
      #expect(idle.text.contains(expected), "\(idle.text)")
      #expect(!idle.text.contains("HELD BY"), "\(idle.text)")
    }
  }

  @Test func `A request that a full pool refuses is no fault of its plugin, and its client gets 503`()
    async throws
  {
    try await withFullPool { host in
      for _ in 0..<3 {
        let answer = try await host.get("/quick")
        #expect(answer.status == 503 && answer.text == "503 Service Unavailable: the server is busy\n")
      }
      let line = try await host.log.line(containing: "pool_queue (1) is full, so the request was answered 503")
      #expect(line.contains("WARNING") && line.contains("; ambit status shows what has the threads; "), "\(line)")
      #expect(line.contains("logged at most every 10 s") && line.field("fault") == nil, "\(line)")
      #expect(line.field("plugin") == "uploads/1" && line.field("route") == "GET /quick", "\(line)")
      let called = try await host.get("/blocks")
      #expect(called.status == 503 && called.text.contains("the handler has reached a limit (request "))
      let passedOn = try await host.log.line(
        containing: "handler returned AMBIT_LIMIT from ambit_block: pool_queue (1) is full")
      #expect(passedOn.field("route") == "GET /blocks", "\(passedOn)")
      #expect(host.log.lines { $0.field("route") == "GET /quick" }.count == 1)
    }
  }

  @Test func `A job that a full pool refuses leaves a line with its name`() async throws {
    try await withFullPool { host in
      #expect(try await host.get("/spawns").text == "unread\n")
      let line = try await host.log.line(containing: "pool_queue (1) is full, so the job was refused")
      #expect(line.contains("WARNING") && line.field("job") == "mailer" && line.field("fault") == nil, "\(line)")
      #expect(host.log.lines { $0.text == "the job runs" }.isEmpty)
    }
  }

  /// Runs `body` while a request has the only thread of the pool and another one the only place in its queue.
  private func withFullPool(_ body: @Sendable (Host) async throws -> Void) async throws {
    let settings = "threads = 1\npool_threads = 1\npool_queue = 1\n"
    try await withHost([.probe("uploads")], configuration: settings) { host in
      async let holder = host.get("/holds")
      try await host.log.line { $0.text == "begun holds" }
      async let waiting = host.get("/holds")
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        try await host.adminJSON("/status").object("pool").number("waiting")
      }
      try await body(host)
      try host.directory.write("", as: "go")
      #expect(try await [holder.status, waiting.status] == [200, 200])
    }
  }
}
