import Foundation
import TestSupport
import Testing

/// Many requests that leave everything behind. `AMBIT_REQUESTS` says how many; the default is few, to keep the test
/// short. The test is meant for 100000.
@Suite struct `Requests again and again` {
  private static let count = ProcessInfo.processInfo.environment["AMBIT_REQUESTS"].flatMap { Int($0) } ?? 20_000

  /// The number of requests that go out on one connection in one piece.
  private static let train = 500

  @Test func `Thousands of requests leave nothing of what they spawned, deferred, posted and shielded`() async throws {
    try await withHost([.probe("litter")]) { host in
      let trains = max(1, Self.count / 2 / Self.train)
      try await send(trains, to: host)
      try await expectNothingLeft(of: trains * Self.train, on: host)
      let before = try host.memory("RssAnon")
      try await send(trains, to: host)
      try await expectNothingLeft(of: 2 * trains * Self.train, on: host)
      let growth = try host.memory("RssAnon") - before
      print("\(trains * Self.train) requests that leave everything behind cost \(growth) bytes")
      // The smallest record that the host could leak takes 32 bytes. Its pools may still grow a little.
      // A sanitizer keeps freed memory.
      if !Places.isSanitized { #expect(growth < 32 * trains * Self.train + 256 << 10) }
    }
  }

  /// Sends `trains` trains of requests, four at a time, each on a connection that its last request closes.
  private func send(_ trains: Int, to host: Host) async throws {
    try await withThrowingTaskGroup { group in
      for track in 0..<4 {
        group.addTask {
          for _ in stride(from: track, to: trains, by: 4) { try await sendTrain(to: host) }
        }
      }
      try await group.waitForAll()
    }
  }

  private func sendTrain(to host: Host) async throws {
    let request = "GET /litter HTTP/1.1\r\nHost: ambit\r\n"
    let connection = try host.connect()
    try await connection.send(
      String(repeating: request + "\r\n", count: Self.train - 1) + request + "Connection: close\r\n\r\n")
    let answers = String(decoding: try await connection.rest(), as: UTF8.self)
    #expect(answers.components(separatedBy: "HTTP/1.1 200 OK\r\n").count == Self.train + 1)
    #expect(answers.components(separatedBy: "\r\n\r\nleft\n").count == Self.train + 1)
  }

  /// Waits until the host is at rest, and compares what the plugin has begun with what has ended.
  private func expectNothingLeft(of requests: Int, on host: Host) async throws {
    let atRest = ["scopes": 4, "connections": 0, "requests": 0, "jobs": 0, "stacks": 0, "timers": 0, "buffers": 0]
    // The watchdog takes a second to see that all scopes have ended, and a timer of each loop unmaps stacks that were
    // free for some seconds.
    try await eventually(
      within: .seconds(30), every: .milliseconds(100), until: { $0.held == atRest && $0.references == 0 }
    ) {
      try await holdings(of: host)
    }

    let tally = LogLine(number: 0, text: try await host.get("/tally").text, arrival: .now)
    func figure(_ name: String) -> Int { tally.field(name).flatMap { Int($0) } ?? -1 }
    #expect(figure("requests") == requests)
    for (begun, ended) in [("spawned", "ended"), ("deferred", "undone"), ("asked", "told")] {
      #expect(figure(begun) >= 3 * requests && figure(begun) == figure(ended), "\(begun): \(tally)")
    }
    // A job posted to a scope that ended before the job arrived does not run.
    #expect(figure("arrived") > requests && figure("arrived") <= figure("posted"), "\(tally)")
  }

  /// The sums over all loops, and the number of scopes with references.
  private func holdings(of host: Host) async throws -> (held: [String: Int], references: Int?) {
    let status = try await host.adminJSON("/status")
    var sums: [String: Int] = [:]
    for loop in status.objects("loops") {
      for name in loop.names.subtracting(["worker", "loop", "answers"]) { sums[name, default: 0] += loop.number(name) ?? 0 }
    }
    return (sums, status.number("references"))
  }
}
