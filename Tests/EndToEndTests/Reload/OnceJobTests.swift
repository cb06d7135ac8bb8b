import Foundation
import TestSupport
import Testing

/// Jobs with `AMBIT_JOB_ONCE` in a host with one worker.
@Suite struct `Once jobs` {
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

  @Test func `The end of the host cancels the job with cause shutdown`() async throws {
    try await withHost([.probe("once")]) { host in
      try await host.log.line(containing: "version 1: once begins")
      #expect(await host.stop() == .exited(0))
      try await host.log.line(containing: "version 1: once woken status=-1 cause=shutdown")
      try await host.log.line(containing: "version 1: once ends cancelled -1")
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
