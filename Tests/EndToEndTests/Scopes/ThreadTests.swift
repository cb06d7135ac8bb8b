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
