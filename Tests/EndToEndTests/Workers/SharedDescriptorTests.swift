import Foundation
import TestSupport
import Testing

/// Code of a plugin spoils what its worker shares with the supervisor and the other workers.
@Suite(.disabled(if: Places.isSanitized)) struct `What workers share` {
  private static let configuration = "workers = 2\nthreads = 1\ncrash_window = \"1s\"\n[limits]\nhang_limit = \"1s\""

  @Test func `Descriptors that a worker sends its supervisor do not come in, and end the worker`() async throws {
    try await withHost([.probe("sharing")], configuration: Self.configuration) { host in
      let before = try Self.descriptors(of: host.child.pid)
      for _ in 1...3 {
        let position = host.log.position
        let client = try host.connect()
        try await client.send("GET /pass HTTP/1.1\r\nHost: ambit\r\n\r\n")
        try await host.log.line(after: position, containing: "died: it has lost its connection to the supervisor")
        try await host.log.line(after: position, containing: "serves again")
      }
      // The last worker's connection may still be about to be closed.
      try await eventually(until: { $0 <= before + 20 }) { try Self.descriptors(of: host.child.pid) }
      #expect(try await host.get("/pid").status == 200)
    }
  }

  private static func descriptors(of process: pid_t) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
  }

  @Test(.enabled(if: Places.tool("prlimit") != nil))
  func `No connection waits for a worker that has no descriptor for it`() async throws {
    try await withHost([.probe("sharing")], configuration: "workers = 2\nthreads = 1") { host in
      let (poor, other) = try await host.connectToTwoWorkers()
      let limit = try Self.descriptors(of: poor.pid) / 2
      let change = try await run("prlimit", ["--pid=\(poor.pid)", "--nofile=\(limit):\(limit)"])
      #expect(change.status == .exited(0), "\(change.errors)")
      // The kernel wakes the loops in turn: each has been the first one several times.
      for _ in 1...100 { #expect(try await host.get("/pid").text == "\(other.pid)") }
    }
  }

  @Test func `A worker whose listening socket a plugin has closed ends, and no connection waits for it`() async throws {
    try await withHost([.probe("sharing")], configuration: Self.configuration) { host in
      for _ in 1...3 {
        let position = host.log.position
        let pid = try await host.get("/close").text
        // The worker notices it when the kernel wakes its loop, which comes after some connections of the other one.
        var notices: [LogLine] = []
        while notices.isEmpty {
          #expect(try await host.get("/pid").status == 200)
          notices = host.log.lines { $0.number > position && $0.contains("a plugin closed descriptor ") }
        }
        #expect(notices[0].contains("CRITICAL "))
        let end = try await host.log.line(after: position) {
          $0.contains(" died: the worker has ended itself, with status 1") && $0.field("pid") == pid
        }
        let again = try await host.log.line(after: end.number, containing: "serves again")
        #expect(again.field("worker") != nil)
      }
    }
  }
}
