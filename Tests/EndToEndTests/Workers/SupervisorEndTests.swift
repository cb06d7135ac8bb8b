import Foundation
import Glibc
import TestSupport
import Testing

/// The end of a host with workers.
@Suite struct `The end of a supervisor` {
  private static let limits = "drain_timeout = \"20s\"\ncancel_grace = \"500ms\"\n"

  /// The folder's files that a host makes and removes.
  private func remains(_ host: Host) throws -> [String] {
    let copies = try FileManager.default.contentsOfDirectory(atPath: host.directory.appending(path: "private").filePath)
    return copies + (FileManager.default.fileExists(atPath: host.adminSocket) ? [host.adminSocket] : [])
  }

  private func expectEnd(of processes: [pid_t]) async throws {
    for process in processes {
      try await eventually(until: { $0 }) {
        let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return stat?.contains(") Z ") ?? true
      }
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `A signal to the whole process group lets requests finish, and nothing is left`(signal: Int32) async throws {
    try await withHost(
      [.probe("deaths")], configuration: Self.limits + "workers = 2\nthreads = 1", wrapper: ["setsid"]
    ) { host in
      let (one, other) = try await host.connectToTwoWorkers()
      for connection in [one, other] { try await connection.ask("/hold/300") }
      _ = try await host.log.lines(2) { $0.text == "holds" }
      kill(-host.child.pid, signal)
      for connection in [one, other] {
        #expect(try await connection.client.response().text == "held\n")
        #expect(try await connection.client.rest().isEmpty)
      }
      #expect(await host.child.status == .exited(0))
      try await expectEnd(of: [one.pid, other.pid])
      #expect(try remains(host).isEmpty)
      #expect(host.log.lines { $0.contains("worker") && $0.contains("(pid") }.isEmpty, "no worker was killed")
    }
  }

  @Test(arguments: [1, 2])
  func `A worker that is stopped delays the end only as long as the configuration or a second signal says`(
    signals: Int
  ) async throws {
    let limits = signals == 1 ? "drain_timeout = \"200ms\"\ncancel_grace = \"200ms\"\n" : "drain_timeout = \"1h\"\n"
    try await withHost([.probe("deaths")], configuration: limits + "workers = 2\nthreads = 1") { host in
      let (stopped, other) = try await host.connectToTwoWorkers()
      kill(stopped.pid, SIGSTOP)
      try await host.log.line(containing: "was stopped by SIGSTOP")
      let began = ContinuousClock.now
      host.child.signal(SIGTERM)
      if signals == 2 {
        try await host.log.line(containing: "stopping requests")
        host.child.signal(SIGTERM)
      }
      #expect(await host.child.status == .exited(0))
      // A busy machine takes some seconds more, and the worker would be stopped for ever.
      #expect(ContinuousClock.now - began < .seconds(20))
      if signals == 1 {
        // On a busy machine the supervisor may be late itself.
        try await host.log.line {
          $0.contains("(pid \(stopped.pid)) has not ended in time: it is killed")
            || $0.contains("the host has not stopped within drain_timeout and cancel_grace")
        }
      }
      try await expectEnd(of: [stopped.pid, other.pid])
      #expect(try remains(host).isEmpty)
    }
  }

  @Test func `Workers of a killed supervisor finish their requests, and another one starts at once in its place`()
    async throws
  {
    try await withHost(
      [.probe("deaths")], configuration: Self.limits + "workers = 2\nthreads = 1", listeners: ["unix:http.sock"],
      mayCrash: true
    ) { host in
      let (one, other) = try await host.connectToTwoWorkers()
      let position = host.log.position
      try await one.ask("/hold/1500")
      try await host.log.line(after: position) { $0.text == "holds" }
      host.child.signal(SIGKILL)
      #expect(await host.child.status == .signalled(SIGKILL))
      let line = try await host.log.line(containing: "the supervisor is gone")
      #expect(line.text.contains(/^\S+Z WARNING the supervisor/), "\(line)")
      // Its address is that of the host before, which nobody has any more.
      try host.directory.write(
        String(contentsOf: host.directory.appending(path: "host.conf"), encoding: .utf8).replacing(
          "127.0.0.1:0", with: "127.0.0.1:\(host.port)"), as: "host.conf")
      let (child, log) = try await startHost(Places.ambit.filePath, ["serve"], in: host.directory)
      try await log.line(containing: "serving pid=")
      #expect(try await host.connectToWorker().pid != other.pid)
      let client = try Client(path: host.directory.appending(path: "http.sock").filePath)
      try await client.send("GET /pid HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await client.response().status == 200)
      #expect(try await ambit("status", in: host.directory).text.contains("pid \(child.pid),"))
      #expect(try await one.client.response().text == "held\n")
      try await expectEnd(of: [one.pid, other.pid])
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
      #expect(try remains(host).isEmpty)
    }
  }

  @Test func `The kernel ends workers before their supervisor when memory is short`() async throws {
    try await withHost([.probe("deaths")], configuration: "threads = 1") { host in
      func score(_ process: pid_t) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/oom_score_adj", encoding: .utf8)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      }
      let (worker, supervisor) = (try await score(host.connectToWorker().pid), try score(host.child.pid))
      #expect(worker > supervisor)
    }
  }
}
