import Foundation
import Glibc
import TestSupport
import Testing

/// `[plugin.NAME.limits]`: a plugin that reaches a limit is refused more, and other plugins notice nothing.
@Suite struct `Limits of a plugin` {
  @Test func `A request above the limit gets 503 with the plugin's name, the log says it once, and others are served`()
    async throws
  {
    try await withHost([.probe("limits"), .sample("hello")], configuration: limits("requests = 2")) { host in
      async let first = host.get("/waits")
      async let second = host.get("/waits")
      _ = try await host.log.lines(2) { $0.text == "begun waits" }
      for _ in 0..<5 {
        let answer = try await host.get("/says")
        #expect(answer.status == 503)
        #expect(
          answer.text
            == "503 Service Unavailable: plugin limits has reached its limit of 2 requests in flight\n")
        #expect(try await host.get("/hello/world").status == 200)
      }
      let line = try await host.log.line(containing: "plugin limits/1 has reached its limit of 2 requests in flight")
      #expect(line.contains("WARNING") && line.contains("further requests are answered 503; to raise it, set "))
      #expect(line.contains("requests in [plugin.limits.limits]") && line.field("plugin") == "limits/1", "\(line)")
      #expect(host.log.lines { $0.contains("limit of 2 requests") }.count == 1)

      let use = try await generation("limits/1", of: host).object("limits").object("requests")
      #expect(use.names == ["in_use", "limit", "waiting", "refused"])
      #expect(use.number("in_use") == 2 && use.number("limit") == 2 && use.number("refused") == 5)
      let status = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      #expect(status.text.contains(/\nLIMITS +REQUESTS +JOBS +THREADS +ALLOC +REFUSED\n/), "\(status.text)")
      #expect(
        status.text.contains(/\nlimits\/1 +2 of 2 +0 of 50000 +0 of 64 +\d+ KiB of 512 MiB +requests 5\n/),
        "\(status.text)")
      #expect(status.text.contains(/\nhello\/1 +0 of 50000 .*-\n/), "\(status.text)")

      // A reload changes the limit of the version that runs.
      try host.configure(limits("requests = 3"))
      try await host.reload()
      #expect(try await host.get("/says").status == 200)
      try host.configure(limits("requests = 1"))
      try await host.reload()
      #expect(try await host.get("/says").text.contains("its limit of 1 request in flight"))
      try host.directory.write("", as: "go")
      #expect(try await [first.status, second.status] == [200, 200])
      try await eventually(within: .seconds(30), until: { $0 == 200 }) { try await host.get("/says").status }
      #expect(try await generation("limits/1", of: host).text("state") == "serving", "the same generation goes on")
    }
  }

  @Test func `Jobs of the plugin's own scope and of its requests have one limit, and more are refused`() async throws {
    try await withHost([.probe("limits"), .sample("hello")], configuration: limits("jobs = 100")) { host in
      #expect(try await host.get("/keeps/60").text == "60\n")
      // The jobs of a request end with it, a moment after the response.
      for _ in 0..<3 {
        try await eventually(within: .seconds(30), until: { $0 == "40\n" }) { try await host.get("/spawns/1000").text }
      }
      try await eventually(within: .seconds(30), until: { $0 == 60 }) {
        try await generation("limits/1", of: host).object("limits").object("jobs").number("in_use")
      }
      #expect(try await host.get("/keeps/1000").text == "40\n")
      for _ in 0..<3 {
        let answer = try await host.get("/passes")
        #expect(answer.status == 503 && answer.text == "503 Service Unavailable: plugin limits has reached a limit\n")
      }
      let line = try await host.log.line(containing: "plugin limits/1 has reached its limit of 100 jobs")
      #expect(line.contains("further jobs are refused with AMBIT_LIMIT"), "\(line)")
      let lines = host.log.lines { $0.contains("AMBIT_LIMIT") || $0.contains("limit of 100") }
      #expect(lines.count == 1, "\(lines)")
      let use = try await generation("limits/1", of: host).object("limits").object("jobs")
      #expect(use.number("in_use") == 100 && use.number("limit") == 100)
      #expect(try await host.get("/hello/world").status == 200)
    }
  }

  @Test func `Memory above the limit is refused, and what a request had is free when it ends`() async throws {
    try await withHost([.probe("limits")], configuration: limits(#"alloc = "1MiB""#)) { host in
      let before = try host.memory("VmRSS")
      for _ in 0..<3 {
        try await eventually(within: .seconds(30), until: { $0 == 200 }) { try await host.get("/alloc/900000").status }
        let answer = try await host.get("/alloc/600000000")
        #expect(answer.status == 503 && answer.text == "503 Service Unavailable: plugin limits has reached a limit\n")
      }
      #expect(try host.memory("VmRSS") < before + (64 << 20))
      let line = try await host.log.line(containing: "plugin limits/1 has reached its limit of 1 MiB of memory (")
      #expect(
        line.contains("and other calls that need memory fail, too; to raise it, set alloc in [plugin.limits.limits]"),
        "\(line)")
      #expect(host.log.lines { $0.contains("limit of 1 MiB") || $0.contains("AMBIT_NO_MEMORY") }.count == 1)
      let body = String(repeating: "x", count: 2 << 20)
      let upload = "POST /body HTTP/1.1\r\nHost: ambit\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
      #expect(try await host.answer(to: upload + body).status == 503)
      let headers = try await host.get("/headers/100000")
      #expect(headers.status == 503 && headers.text.contains("plugin limits has reached "), "\(headers.text)")
    }
  }

  @Test func `Work above the limit of threads waits and keeps no other plugin waiting; a full queue is refused`()
    async throws
  {
    let route = "[[route]]\nmatch = \"GET /hello/{name}\"\nblocking = true\n"
    let settings = "pool_threads = 2\npool_queue = 1\n" + limits("threads = 1") + route
    try await withHost([.probe("limits"), .sample("hello")], configuration: settings) { host in
      async let first = host.get("/holds")
      try await host.log.line { $0.text == "begun holds" }
      async let second = host.get("/says-on-thread")
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        try await generation("limits/1", of: host).object("limits").object("threads").number("waiting")
      }
      let answer = try await host.get("/says-on-thread")
      #expect(
        answer.text == """
          503 Service Unavailable: plugin limits has reached its limit of 1 thread of the pool, and pool_queue (1) of \
          it is full\n
          """)
      #expect(try await host.get("/hello/world").status == 200)
      let line = try await host.log.line(containing: "limit of 1 thread of the pool: further requests are answered 503")
      #expect(line.contains("WARNING") && line.field("plugin") == "limits/1", "\(line)")
      let waiting = try await host.log.line(containing: "none has become free for ")
      #expect(waiting.contains("1 request or job waits for one; to raise it, set threads in [plugin.limits.limits]"))
      let threads = try await generation("limits/1", of: host).object("limits").object("threads")
      #expect(threads.number("in_use") == 1 && threads.number("limit") == 1 && threads.number("refused") == 1)
      let status = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      #expect(status.text.contains(/\nlimits\/1 .* 1 of 1, 1 waiting +.*threads 1\n/), "\(status.text)")
      try host.directory.write("", as: "go")
      #expect(try await [first.status, second.status] == [200, 200])
      try await host.log.line(containing: "no request or job of plugin limits/1 waits for a thread any more")
    }
  }

  @Test func `A worker that takes the place of a crashed one has the limits as a reload has changed them`() async throws
  {
    try await withHost([.probe("limits")], configuration: limits("jobs = 5")) { host in
      try host.configure(limits("jobs = 7"))
      try await host.reload()
      let worker = host.servingProcess
      kill(worker, SIGKILL)
      try await host.log.line(containing: "serves again")
      #expect(try await host.get("/spawns/1000").text == "7\n")
    }
  }

  @Test func `A start that needs more jobs than the limit is refused in its dry run, and a higher limit lets it pass`()
    async throws
  {
    let jobs = "[plugin.limits]\njobs = 10\n[plugin.limits.limits]\njobs = "
    try await withHost([.probe("limits")], configuration: limits("jobs = 5")) { host in
      try host.configure(jobs + "9")
      let refused = try await ambit("reload", in: host.directory)
      #expect(refused.status == .exited(1) && refused.text.contains("AMBIT_LIMIT"), "\(refused.text)")
      try host.configure(jobs + "10")
      let passed = try await ambit("reload", in: host.directory)
      #expect(passed.status == .exited(0), "\(passed.text)")
      #expect(try await host.get("/spawns/1000").text == "0\n")
    }
  }

  private func limits(_ text: String) -> String { "[plugin.limits.limits]\n\(text)\n" }

  /// The object of a generation in the status.
  private func generation(_ label: String, of host: Host) async throws -> JSONObject {
    let all = try await host.adminJSON("/status").objects("generations")
    return try #require(all.first { $0.text("generation") == label })
  }
}
