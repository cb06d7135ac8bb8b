import Foundation
import Glibc
import TestSupport
import Testing

/// SIGTERM while something hangs: the host ends within `drain_timeout` + `cancel_grace` + 0.5 s of it, and names what
/// it leaves behind. A busy machine takes some seconds more, and what hangs takes for ever.
@Suite struct `A stop while a plugin hangs` {
  /// A place where a plugin hangs, the request that gets it there, and how the log names it at the end.
  struct Hang: CustomTestStringConvertible {
    let place: String
    var path: String?
    let reason: String

    var testDescription: String { "\(place) \(path ?? "")" }
  }

  static let hangs = [
    Hang(place: "handler", path: "/hangs", reason: "is blocked by handler GET /hangs of plugin hangs/1"),
    Hang(place: "handler", path: "/hangs-on-thread", reason: "plugin hangs/1 has not stopped within cancel_grace"),
    Hang(
      place: "cancelled handler", path: "/hangs", reason: "is blocked by handler GET /hangs of plugin hangs/1"),
    Hang(place: "on_end", path: "/hangs", reason: "is blocked by an on_end function of plugin hangs/1 (GET /hangs)"),
    Hang(
      place: "on_cancel", path: "/hangs", reason: "is blocked by an on_cancel function of plugin hangs/1 (GET /hangs)"),
    Hang(place: "deferred", path: "/hangs", reason: "is blocked by a deferred function of plugin hangs/1 (GET /hangs)"),
    Hang(place: "stop", reason: "stop of plugin hangs/1 has not returned for "),
  ]

  static let limits = "drain_timeout = \"500ms\"\ncancel_grace = \"500ms\"\ndry_run_timeout = \"1m\"\n"

  @Test(arguments: hangs)
  func `The host ends in time, and names what hangs`(hang: Hang) async throws {
    let configuration = Self.limits + "[plugin.hangs]\nin = \"\(hang.place)\""
    try await withHost([.fixture("hangs"), .sample("hello")], configuration: configuration) { host in
      let connection = try host.connect()
      if let path = hang.path {
        try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
        try await host.log.line(containing: hang.place == "handler" ? "hangs" : "handler waits")
      }
      try await host.expectEndInTime()
      let line = try await host.log.line(containing: hang.reason)
      #expect(line.field("plugin") == "hangs/1", "\(line)")
      let consequences = ["the worker ends without it", "its plugins could not be stopped"]
      #expect(consequences.contains { line.contains($0) }, "\(line)")
      let last = try await host.log.line(containing: "stopped, and left behind")
      #expect(last.field("running") == "hangs/1", "hello is not to blame")
      #expect(last.number > line.number)
      #expect(host.log.lines { $0.text == "destructor runs" }.isEmpty, "code of plugins may still run")
    }
  }

  @Test(arguments: [("start", "hangs/2"), ("save", "hangs/1")])
  func `The host ends in time during a reload that hangs in a lifecycle call, and names the call`(
    call: String, label: String
  ) async throws {
    let first = "[plugin.hangs]\nin = \"\(call == "save" ? call : "")\""
    try await withHost([.fixture("hangs")], configuration: Self.limits + first) { host in
      try host.configure(Self.limits + "[plugin.hangs]\nin = \"\(call)\"\nnew = \"yes\"")
      host.child.signal(SIGHUP)
      try await host.log.line { $0.text == "hangs" }
      try await host.expectEndInTime()
      try await host.log.line(containing: "\(call) of plugin \(label) has not returned for ")
      let last = try await host.log.line(containing: "stopped, and left behind")
      #expect(last.field("running") == label)
    }
  }

  @Test func `The host ends in time during a reload while a loop is blocked`() async throws {
    let configuration = Self.limits + "[plugin.hangs]\nin = \"handler\""
    try await withHost([.fixture("hangs")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /hangs HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.text == "hangs" }
      host.child.signal(SIGHUP)
      host.child.signal(SIGUSR2)
      try await host.expectEndInTime()
      #expect(host.log.lines { $0.contains("reload done") }.isEmpty)
    }
  }

  @Test func `The host ends in time if nobody reads its log`() async throws {
    try await withHost([.sample("hello")], configuration: Self.limits) { host in
      try await host.log.unread {
        // More than the pipe holds, and the reader takes no more than one piece.
        for _ in 0..<200 {
          _ = try await host.admin("/scopes")
          for _ in 0..<20 { host.child.signal(SIGUSR2) }
        }
        try await host.expectEndInTime()
      }
    }
  }

  @Test func `The host ends in time if a client of the admin API does not read its answers`() async throws {
    try await withHost([.sample("hello")], configuration: Self.limits) { host in
      let client = try Client(path: host.adminSocket, timeout: .milliseconds(200))
      let requests = String(repeating: "GET /status HTTP/1.1\r\nHost: ambit\r\n\r\n", count: 1000)
      // Until the host does not read any more, since the answers find no room.
      while (try? await client.send(requests)) != nil {}
      try await host.expectEndInTime()
    }
  }

  @Test func `A second signal ends a host at once whose loop is blocked`() async throws {
    let configuration = "drain_timeout = \"1h\"\n[plugin.hangs]\nin = \"handler\""
    try await withHost([.fixture("hangs")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /hangs HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.text == "hangs" }
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "stopping requests")
      try await host.expectEnd(within: .milliseconds(500))
      try await host.log.line(containing: "second signal: stopping at once")
    }
  }

  @Test func `A generation that is being retired is cancelled and stopped when the host stops`() async throws {
    let configuration = "drain_timeout = \"1s\""
    try await withHost([.probe("background"), .sample("hello")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      try host.configure("drain_timeout = \"1h\"")
      try FileManager.default.removeItem(at: host.plugins.appending(path: "background.so"))
      try await host.reload()
      try host.configure(configuration)
      try await host.reload()
      #expect(await host.stop() == .exited(0))
      try await host.log.line(containing: "handler woken status=-1 cause=shutdown")
      try await host.log.line { $0.text == "stopped" }
    }
  }
}

/// `stop` that hangs when its generation is retired.
@Suite struct `A stop function that hangs` {
  @Test func `It is named after cancel_grace when its plugin is replaced, and again when it has returned`() async throws
  {
    let configuration = "cancel_grace = \"200ms\"\n"
    let settings = "[plugin.hangs]\nin = \"stop\"\nuntil = \"returns\""
    try await withHost([.fixture("hangs")], configuration: configuration + settings) { host in
      try host.configure(configuration + "[plugin.hangs]\nin = \"\"")
      try await host.reload()
      let line = try await host.log.line(containing: "stop of plugin hangs/1 has not returned for ")
      #expect(line.contains("ERROR") && line.field("call") == "stop" && line.field("plugin") == "hangs/1", "\(line)")
      #expect(try #require(line.field("ms").flatMap { Int($0) }) >= 200)
      // On a busy machine the thread may be about to run.
      #expect((line.field("stack_guess") ?? line.field("stack"))?.contains("hangs.") == true, "\(line)")
      try host.directory.write("", as: "returns")
      try await host.log.line(containing: "stop of plugin hangs/1 has returned after ")
      try await host.log.line(containing: "plugin generation retired")
    }
  }
}

extension Host {
  /// Sends SIGTERM and expects the host to end, with status 0, within the limits of the suite and half a second.
  fileprivate func expectEndInTime() async throws {
    try await expectEnd(within: .milliseconds(500 + 500 + 500))
  }

  /// Sends a signal and expects the host to end in time, with status 0. The test and a busy machine may take another
  /// ten seconds for their part.
  fileprivate func expectEnd(within limit: Duration) async throws {
    let start = ContinuousClock.now
    child.signal(SIGTERM)
    #expect(await child.status == .exited(0))
    #expect(ContinuousClock.now - start < limit + .seconds(10))
  }
}
