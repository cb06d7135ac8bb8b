import Foundation
import Glibc
import TestSupport
import Testing

/// A worker that starts later than others: in the place of one that was killed, or because of a reload.
@Suite struct `Workers that start later` {
  @Test func `A worker that starts later serves exactly what the others serve, by the same limits`() async throws {
    let libraries = "[[route]]\nmatch = 'GET /abs/{x}'\ncall = 'libc.so.6: i32 abs(i32 x)'\n"
    try await withHost(
      [.placed("one"), .sample("hello"), .sample("simple_service")], configuration: "threads = 1\n" + libraries,
      isSingle: false
    ) { host in
      // A changed plugin, a renamed file, a removed one, a file that fails, and other limits.
      try await PluginFile.placed("two").install(in: host.plugins)
      let hello = host.plugins.appending(path: "hello.so")
      try FileManager.default.moveItem(at: hello, to: host.plugins.appending(path: "renamed.so"))
      unlink(host.plugins.appending(path: "simple_service.so").filePath)
      try host.configure(
        "threads = 1\nexpose_generation = true\n" + libraries
          + "[[route]]\nmatch = 'GET /hello/{name}'\ntimeout = '7s'\n[limits]\nmax_head = 1024\nmax_target = 1000\n[log]\nlevel = 'debug'")
      #expect(try await host.reload().field("failed") == "0")
      try host.plugins.write("no library", as: "placed.so")
      let position = host.log.position
      host.child.signal(SIGHUP)
      try await host.log.line(after: position, containing: "reload done with failures")

      let before = try await host.adminJSON("/status").objects("generations").filter { $0.text("state") == "serving" }
      let worker = try #require(try await host.workers()[1])
      kill(worker, SIGKILL)
      try await host.log.line(containing: "worker 1 serves again")
      let after = try await host.adminJSON("/status").objects("generations")
      func lines(_ generations: [JSONObject]) -> [String] {
        generations.map { generation in
          let parts = ["generation", "version", "sha256", "file", "state"].map { generation.text($0) ?? "-" }
          return (parts + generation.texts("routes")).joined(separator: " ")
        }
      }
      #expect(lines(after) == lines(before))
      #expect(lines(after).contains { $0.hasPrefix("hello/1") && $0.contains("Plugins/renamed.so") })
      #expect(lines(after).contains { $0.hasPrefix("placed/2 two") })
      let answer = try await host.get("/place")
      #expect(answer.text == "1 two\n" && answer.headers.contains { $0.value == "placed/2" }, "\(answer)")
      #expect(try await host.get("/simple").status == 404)
      #expect(try await host.get("/abs/-3").text == "3")
      #expect(try await host.get("/" + String(repeating: "a", count: 1010)).status == 414, "the limit of the reload")
    }
  }

  @Test func `A worker in the place of a killed one starts from the state that was handed over last`() async throws {
    try await withHost([.probe("counting")], configuration: "threads = 1", isSingle: false) { host in
      for expected in 1...3 { #expect(try await host.get("/count").text == "\(expected)\n") }
      try await PluginFile.counting("FORM=7").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      for expected in 4...6 { #expect(try await host.get("/count").text == "\(expected)\n") }
      for _ in 0..<2 {
        let position = host.log.position
        kill(try #require(try await host.workers()[1]), SIGKILL)
        try await host.log.line(after: position, containing: "worker 1 serves again")
        #expect(try await host.get("/count").text == "4\n", "the reload handed over 3")
      }
      // New workers ask those that they replace, and their successors start from that.
      try host.configure("threads = 2")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      #expect(try await host.get("/count").text == "5\n")
      let position = host.log.position
      kill(try #require(try await host.workers()[1]), SIGKILL)
      try await host.log.line(after: position, containing: "worker 1 serves again")
      #expect(try await host.get("/count").text == "5\n", "the first of them handed over 4")
    }
  }

  @Test func `A state that is too large to be kept is named once, and a killed worker's successor starts without it`()
    async throws
  {
    let large = PluginFile.counting("LARGE=(17 << 20)")
    try await withHost([large], configuration: "threads = 1", isSingle: false) { host in
      for number in 0..<2 {
        try await PluginFile.counting("LARGE=(17 << 20)", "V\(number)=1").install(in: host.plugins)
        _ = number
        try host.configure("threads = 1\n[plugin.counting]\nmood = '\(number)'")
        #expect(try await host.reloadOnRequest().field("changed") == "1")
      }
      let position = host.log.position
      kill(try #require(try await host.workers()[1]), SIGKILL)
      try await host.log.line(after: position, containing: "worker 1 serves again")
      let found = host.log.lines { $0.number > position && $0.contains("found version") }
      #expect(found.map(\.text) == ["found version=0 length=0 present=0 dry_run=0"])
      let named = host.log.lines { $0.contains("plugin counting hands over \(17 << 20) bytes; the host keeps at most") }
      #expect(named.count == 1)
    }
  }
}

extension PluginFile {
  /// The probe `counting`, compiled with these definitions.
  static func counting(_ definitions: String...) -> PluginFile {
    let source = Places.probe("counting").filePath
    return .source("#include \"\(source)\"\n", name: "counting", flags: definitions.map { "-D\($0)" })
  }
}

/// What a reload changes in all workers that run, and in those that start later.
@Suite struct `Changes in all workers` {
  @Test func `Limits and the level of the log change in each worker, and hold in one that starts later`() async throws {
    let logs = """
      ambit_logf(plugin, AMBIT_DEBUG, "a detail of worker %u", worker->index);
      """
    let plugin = PluginFile.placed("one", start: logs)
    try await withHost([plugin], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      try host.configure("threads = 1\nworkers = 2\n[limits]\nmax_head = 1024\nmax_target = 1000\n[log]\nlevel = 'debug'")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      let long = "/" + String(repeating: "a", count: 1010)
      for _ in 0..<16 { #expect(try await host.get(long).status == 414) }
      #expect(host.log.lines { $0.contains("a detail of worker") }.isEmpty)
      kill(try #require(try await host.workers()[2]), SIGKILL)
      try await host.log.line(containing: "a detail of worker 2")
      try await host.log.line(containing: "worker 2 serves again")
      for _ in 0..<16 { #expect(try await host.get(long).status == 414) }
      try await PluginFile.placed("two", start: logs).install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("changed") == "1")
      try await host.log.line(containing: "a detail of worker 1")
    }
  }
}
