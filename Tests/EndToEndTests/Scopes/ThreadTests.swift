import TestSupport
import Testing

/// Work on threads of the pool makes the same calls as work on the loop, and ends with its request as well.
@Suite struct `Threads of the pool` {
  @Test func `A blocking handler waits, reads, looks up and responds`() async throws {
    try await withHost([.probe("threads")]) { host in
      let answer = try await host.answer(
        to: "POST /blocking?q=a%20b HTTP/1.1\r\nHost: ambit\r\nContent-Length: 4\r\n\r\nbody")
      #expect(answer.text == "slept=0 read=0 body=body q=a b\n")
      #expect(answer["X-Thread"] == "ambit-pool")
    }
  }

  @Test func `Jobs that ask for a thread run on one, and can be joined`() async throws {
    try await withHost([.probe("threads")]) { host in
      let answer = try await host.get("/joined")
      #expect(answer.text == "join_all=0 threads=8\n")
    }
  }

  @Test func `A call that blocks runs on a thread while its job waits`() async throws {
    try await withHost([.probe("threads")]) { host in
      let answer = try await host.get("/block")
      #expect(answer.text == "block=0 on ambit-pool\n")
    }
  }

  @Test(arguments: ["/held", "/held-on-thread"])
  func `A client that leaves wakes a wait on a thread`(path: String) async throws {
    try await withHost([.probe("threads")]) { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "started")
      connection.close()
      let woken = try await host.log.line(containing: "woken")
      #expect(woken.text == "woken status=-1 cause=disconnect again=-1")
    }
  }
}

/// A plugin with `AMBIT_PLUGIN_THREADS` makes the same calls as any other, and none of its code runs on a fiber.
@Suite struct `A plugin that runs on threads` {
  @Test func `A plugin on threads has all its code run on them, and cancel hooks on the loop's own stack`() async throws
  {
    try await withHost([.probe("threaded")]) { host in
      let answer = try await host.get("/everything")
      #expect(answer.text == "0 0 0 0 0 0\n")
      #expect(await host.stop() == .exited(0))
      let notes = host.log.lines { $0.text.contains(" on ") && !$0.text.contains("INFO") }.map { line in
        line.text.split(separator: " ").prefix(3).joined(separator: " ")
      }
      let places = Set(notes)
      #expect(
        places == [
          "start on pool", "handler on pool", "job on pool", "tick on pool", "posted on pool", "on_end on pool",
          "deferred on pool", "on_cancel on loop", "stop on pool",
        ])
      #expect(notes.count == 12, "each once, and on_cancel and deferred for the child and the plugin too")
    }
  }

  @Test func `A plugin on threads ends its requests in the same order as any other`() async throws {
    try await withHost([.probe("threaded")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /held HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let waits = try await host.log.line(containing: "job waits")
      connection.close()
      try await host.log.line(containing: "deferred")
      let end = host.log.lines { $0.number > waits.number }.map(\.text)
      #expect(
        end == [
          "on_cancel on loop cause=disconnect", "job woken status=-1", "on_end on pool outcome=cancelled code=-1",
          "deferred on pool sleep=WRONG_STATE block=WRONG_STATE memory=1",
        ])
    }
  }

  @Test func `A plugin on threads has its hooks run while its handlers hold all threads`() async throws {
    try await withHost([.probe("threaded")], configuration: "threads = 1\npool_threads = 1") { host in
      let answer = try await host.get("/refused")
      #expect(answer.text == "join=0 cancelled\n")
      // The line is written before the response, and may be read after it.
      let line = "on_end on pool outcome=cancelled code=-1"
      try await host.log.line { $0.text == line }
      #expect(host.log.lines { $0.text == line }.count == 1)
    }
  }

  @Test func `A plugin on threads is stopped, and its deferred functions have run, before the host ends`() async throws
  {
    try await withHost([.probe("threaded")]) { host in
      #expect(await host.stop() == .exited(0))
      let notes = host.log.lines { $0.text.hasPrefix("stop ") || $0.text.hasPrefix("deferred ") }.map(\.text)
      #expect(
        notes == [
          "stop on pool sleep=CANCELLED", "deferred on pool sleep=WRONG_STATE block=WRONG_STATE memory=1",
        ])
    }
  }
}
