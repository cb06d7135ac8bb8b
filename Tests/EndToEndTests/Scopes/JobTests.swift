import TestSupport
import Testing

/// Jobs of a request: each ends once, and its hook tells how.
@Suite struct `Jobs` {
  @Test func `A job that completes is seen by join, and its hook runs once`() async throws {
    try await withHost([.probe("jobs")]) { host in
      #expect(try await host.get("/complete").text == "join=0 outcome=completed code=0\n")
      try await host.log.line(containing: "scope closed")
      #expect(ends(host) == ["ended plain outcome=completed code=0"])
    }
  }

  @Test func `A job that fails is seen by join, and its reason is logged`() async throws {
    try await withHost([.probe("jobs")]) { host in
      #expect(try await host.get("/fail").text == "join=0 outcome=failed code=-10\n")
      try await host.log.line(containing: "scope closed")
      #expect(ends(host) == ["ended failing outcome=failed code=-10"])
      let reason = try await host.log.line(containing: "the well is dry")
      #expect(reason.field("plugin") == "jobs/1")
      #expect(reason.field("route") == "GET /fail")
    }
  }

  @Test func `A job that asks for a larger stack than others can use it`() async throws {
    try await withHost([.probe("jobs")]) { host in
      #expect(try await host.get("/go-deep").text == "join=0 outcome=completed code=0\n")
      try await host.log.line(containing: "scope closed")
      #expect(ends(host) == ["ended deep outcome=completed code=0"])
    }
  }

  @Test func `Joining all jobs reports that one has failed`() async throws {
    try await withHost([.probe("jobs")]) { host in
      #expect(try await host.get("/fail-one-of-three").text == "join_all=-10\n")
      let outcomes = try await host.log.lines(3) { $0.text.hasPrefix("ended") }.map(\.text).sorted()
      #expect(
        outcomes == [
          "ended first outcome=completed code=0", "ended second outcome=failed code=-10",
          "ended third outcome=completed code=0",
        ])
    }
  }

  @Test func `Ten jobs are cancelled at once, each hook runs once and none before`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /ten HTTP/1.1\r\nHost: ambit\r\n\r\n")
      _ = try await host.log.lines(10) { $0.text.hasPrefix("started") }
      #expect(ends(host).isEmpty)
      connection.close()
      try await host.log.line(containing: "scope closed")
      #expect(ends(host).sorted() == (0..<10).map { "ended \($0) outcome=cancelled code=-1" })
    }
  }

  @Test func `A job spawned into a cancelled scope never runs, and its hook does`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /spawn-when-cancelled HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let returned = try await host.log.line(containing: "spawn returned -1")
      try await host.log.line(containing: "scope closed")
      #expect(host.log.lines { $0.text.hasPrefix("started") }.isEmpty)
      #expect(ends(host) == ["ended late outcome=cancelled code=-1"])
      let hook = try await host.log.line(containing: "ended late")
      #expect(returned.number < hook.number, "never inside the call")
    }
  }

  @Test func `Cancelling one job does not touch its scope and the other job`() async throws {
    try await withHost([.probe("jobs")]) { host in
      #expect(try await host.get("/cancel-one").text == "join=0 outcome=cancelled cause=none\n")
      let first = try await host.log.line { $0.text.hasPrefix("ended") }
      #expect(first.text == "ended one outcome=cancelled code=-1")
    }
  }

  @Test func `A join with a timeout gives up after the timeout`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let answer = try await host.get("/join-for-a-while")
      #expect(answer.text == "poll=-2 timed=-2\n")
    }
  }

  @Test func `A job completes the response of a handler that returned AMBIT_PENDING`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let connection = try host.connect()
      for _ in 0..<2 {
        let position = host.log.position
        try await connection.send("GET /pending HTTP/1.1\r\nHost: ambit\r\n\r\n")
        #expect(try await connection.response().text == "later\n")
        try await host.log.line(after: position, containing: "scope closed")
      }
      #expect(ends(host) == Array(repeating: "ended answering outcome=completed code=0", count: 2))
    }
  }

  @Test func `AMBIT_PENDING without a job left to respond is a 500 and the plugin's fault`() async throws {
    try await withHost([.probe("jobs")]) { host in
      let answer = try await host.get("/pending-for-nobody")
      #expect(answer.status == 500)
      try await host.log.line { $0.field("fault") == "plugin" && $0.contains("AMBIT_PENDING") }
    }
  }

  @Test func `Jobs above the limit of a request are refused, and their hooks run`() async throws {
    try await withHost([.probe("jobs")], configuration: "[limits]\njobs_per_request = 4") { host in
      let connection = try host.connect()
      try await connection.send("GET /ten HTTP/1.1\r\nHost: ambit\r\n\r\n")
      _ = try await host.log.lines(4) { $0.text.hasPrefix("started") }
      let refused = try await host.log.lines(6) { $0.text.hasPrefix("ended") }
      #expect(refused.allSatisfy { $0.contains("outcome=cancelled") })
      connection.close()
      try await host.log.line(containing: "scope closed")
      #expect(ends(host).count == 10)
    }
  }

  private func ends(_ host: Host) -> [String] {
    host.log.lines { $0.text.hasPrefix("ended") }.map(\.text)
  }
}
