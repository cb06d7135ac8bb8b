import Foundation
import Glibc
import TestSupport
import Testing

/// Jobs with `AMBIT_JOB_ONCE`, in a host with one worker and with several.
@Suite struct `Once jobs` {
  private static let twoWorkers = "workers = 2\nthreads = 1"

  private func version(_ number: Int) -> PluginFile {
    .source(
      "#include \"\(Places.probe("once").filePath)\"\n", name: "once", flags: ["-DVERSION=\"\(number)\""])
  }

  @Test func `A reload ends the old job at once, and the new one begins when it has ended, and never in the dry run`()
    async throws
  {
    try await withHost([version(1)], configuration: "drain_timeout = \"1h\"") { host in
      try await host.log.line(containing: "version 1: once begins")
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "version 1: handler waits")
      try await version(2).install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      let begun = try await host.log.line(containing: "version 2: once begins")
      let woken = try await host.log.line(containing: "version 1: once woken status=-1 cause=retired")
      let ended = try await host.log.line(containing: "version 1: once ends cancelled -1")
      #expect(woken.number < ended.number && ended.number < begun.number)
      #expect(host.log.all.filter { $0.contains("once begins") }.count == 2)
      #expect(try await host.adminJSON("/status").number("requests") == 1, "the old version still has its request")
    }
  }

  @Test(arguments: [true, false])
  func `A host that is to stop cancels the job when it begins to drain, and lets requests finish`(
    isSingle: Bool
  ) async throws {
    try await withHost([.probe("once")], configuration: "drain_timeout = \"1h\"", isSingle: isSingle) { host in
      try await host.log.line(containing: "version 1: once begins")
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "version 1: handler waits")
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "version 1: once woken status=-1 cause=retired")
      try await host.log.line(containing: "version 1: once ends cancelled -1")
      #expect(host.child.earlyStatus == nil, "the request goes on")
      connection.close()
      #expect(await host.child.status == .exited(0))
    }
  }

  @Test func `With two workers the job runs in one of them, and in the other after a crash`() async throws {
    try await withHost([.probe("once"), .sample("hello")], configuration: Self.twoWorkers, isSingle: false) { host in
      let first = try await host.log.line(containing: "version 1: once begins")
      let pid = try #require(first.field("pid").flatMap { pid_t($0) })
      // The other worker has started the plugin too, and serves.
      for _ in 1...20 { #expect(try await host.get("/hello/x").status == 200) }
      #expect(host.log.lines { $0.contains("once begins") }.count == 1)
      let text = try await ambit("status", in: host.directory).text
      let status = text.split(separator: "\n").map { $0.split(separator: " ") }
      let header = try #require(status.firstIndex { $0.first == "WORKER" })
      #expect(status[header].last == "ONCE")
      let workers = status[(header + 1)...].prefix(2)
      #expect(workers.map { $0.last == "yes" } == workers.map { $0[1] == "\(pid)" }, "\(workers)")
      #expect(workers.contains { $0.last == "no" })
      let position = host.log.position
      kill(pid, SIGKILL)
      let second = try await host.log.line(after: position, containing: "version 1: once begins")
      #expect(second.field("pid") != first.field("pid"))
      #expect(host.log.lines { $0.contains("once begins") }.count == 2)
    }
  }

  @Test func `The answers of counter name the worker, and the ticker ticks in one`() async throws {
    let counter = PluginFile.sample("counter", language: "cpp")
    try await withHost([counter], configuration: Self.twoWorkers, isSingle: false) { host in
      var ticks: [Substring: Int] = [:]
      try await eventually(within: .seconds(30), until: { $0 }) {
        let answer = try await host.get("/counter").text
        let found = try #require(answer.wholeMatch(of: /count 0, ticks (\d+), worker ([12]) of 2\n/), "\(answer)")
        ticks[found.2] = Int(found.1)
        return ticks.count == 2 && ticks.values.contains { $0 > 0 }
      }
      #expect(ticks.values.contains(0), "\(ticks)")
    }
  }

  @Test func `A job in a request's scope is refused, and the log says where such jobs belong`() async throws {
    try await withHost([.probe("once")]) { host in
      #expect(try await host.get("/here").status == 500)
      let line = try await host.log.line(containing: "handler returned AMBIT_INVALID from ambit_spawn")
      #expect(line.contains("AMBIT_JOB_ONCE is for jobs in the plugin's scope (ambit_plugin_scope)"), "\(line)")
      try await host.log.line(containing: "version 1: once ends cancelled -4")
    }
  }
}
