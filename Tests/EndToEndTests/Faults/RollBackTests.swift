import Foundation
import Glibc
import TestSupport
import Testing

/// A new version that is to blame for a crash gives way to the version before.
@Suite(.disabled(if: Places.isSanitized)) struct `A plugin that is rolled back` {
  private static let configuration = "workers = 2\nthreads = 1\n"

  /// Asks for a path that ends the worker.
  private func crash(_ host: Host, _ path: String = "/boom") async throws {
    let client = try host.connect()
    try await client.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    #expect(try await client.rest().isEmpty)
  }

  @Test func `The first crash of a new version leads all workers back to the last good content, with its own state`()
    async throws
  {
    try await withHost([.crashy("old")], configuration: Self.configuration) { host in
      try await PluginFile.crashy("new").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/state").text == "old new \n")
      try await crash(host)
      let line = try await host.log.line(containing: "plugin crashy/2 is rolled back, because of a crash before it was")
      #expect(line.contains("SIGSEGV"), "\(line)")
      #expect(line.contains("crashy/3, which has the content of crashy/1, serves"), "\(line)")
      #expect(try #require(line.field("ms").flatMap { Int($0) }) < 2000, "\(line)")
      // Its own hand-over is "old", when it was replaced. What the newer one has made of it is lost.
      for _ in 1...20 { #expect(try await host.get("/state").text == "old old \n") }
      try await host.log.line(containing: "serves again")
      for _ in 1...20 { #expect(try await host.get("/state").text == "old old \n") }

      let generation = try await host.adminJSON("/status").objects("generations").first
      #expect(generation?.text("generation") == "crashy/3")
      let reason = "this content was rolled back at 20"
      #expect(generation?.texts("last_good_because").joined().contains(reason) == true)
      #expect(try await ambit("status", in: host.directory).text.contains(reason))
      let history = try await host.adminJSON("/history?plugin=crashy").objects("generations")
      #expect(history.map { $0.text("generation") } == ["crashy/1", "crashy/2", "crashy/3"])
      #expect(history[0].text("reason") == "replaced by crashy/2" && history[0].text("state") == "ended")
      #expect(history[1].text("reason")?.hasPrefix("rolled back: SIGSEGV") == true)
      #expect(history[1].number("crashes") == 1)
      #expect(history[2].text("content_of") == "crashy/1" && history[2].text("sha256") == history[0].text("sha256"))

      // The file is refused until it changes.
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("failed  crashy/3") && reload.text.contains(reason), "\(reload.text)")
      let file = host.plugins.appending(path: "crashy.so")
      let bad = try Data(contentsOf: file)
      try await PluginFile.crashy("newer").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/state").text == "old old newer \n")
      // The version that crashed is refused also later, unless an operator wants it.
      try bad.write(to: file, options: .atomic)
      #expect(try await ambit("reload", in: host.directory).text.contains(reason))
      let retry = try await ambit("reload", "--retry", "crashy", in: host.directory)
      #expect(retry.status == .exited(0), "\(retry.text)")
      #expect(try await host.get("/crashy").text == "new\n")
    }
  }

  @Test func `A version that crashes whenever it runs gives way in the only worker, and no client is refused`()
    async throws
  {
    try await withHost([.crashy("old"), .placed("1")], configuration: "workers = 1\nthreads = 1\n") { host in
      let ticks = "if (!is_dry_run) ambit_every(plugin, AMBIT_MILLISECONDS(5), tick, NULL, NULL, NULL);"
      try await PluginFile.crashy("new", start: ticks).install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      try host.directory.write("", as: "tick")
      try await host.log.line(containing: "plugin crashy/2 is rolled back")
      #expect(try await host.get("/crashy").text == "old\n")
      #expect(try await host.get("/place").text == "1 1\n")
      #expect(try await host.adminJSON("/status").objects("workers").first?.number("crashes") == 1)
    }
  }

  @Test func `A version that has served its requests is not rolled back, and is the last good copy`() async throws {
    try await withHost(
      [.crashy("old")], configuration: Self.configuration + "prove_requests = 10"
    ) { host in
      try await PluginFile.crashy("new").install(in: host.plugins)
      try await host.reload()
      let history = { try await ambit("history", "crashy", in: host.directory).text }
      #expect(try await history().contains("serves; a crash before it is proven rolls it back to crashy/1"))
      for _ in 1...30 { #expect(try await host.get("/crashy").status == 200) }
      try await eventually(until: { $0 }) { try await !history().contains("before it is proven") }
      let position = host.log.position
      try await crash(host)
      try await host.log.line(after: position, containing: "serves again")
      #expect(try await host.get("/crashy").text == "new\n")
      #expect(host.log.lines { $0.contains("is rolled back") }.isEmpty)
      try await PluginFile.bytes([], name: "crashy").install(in: host.plugins)
      try await host.startAgain { next in
        let text = try await next.get("/crashy").text
        #expect(text == "new\n")
      }
    }
  }

  @Test func `A new version that a host starts with gives way to the last good copy of the host before`() async throws {
    try await withHost([.crashy("old")], configuration: Self.configuration) { host in
      try await PluginFile.crashy("new").install(in: host.plugins)
      try await host.startAgain { next in
        #expect(try await next.get("/crashy").text == "new\n")
        try await crash(next)
        try await next.log.line(containing: "crashy/2, which has the content of the last good copy, serves")
        let text = try await next.get("/crashy").text
        #expect(text == "old\n")
      }
    }
  }

  @Test(arguments: [false, true])
  func `An operator rolls a plugin back by its name`(isSingle: Bool) async throws {
    try await withHost([.crashy("old")], configuration: "threads = 1", isSingle: isSingle) { host in
      let first = try await ambit("rollback", "crashy", in: host.directory)
      #expect(first.status == .exited(1) && first.text.contains("there is no other content to go back to"), "\(first)")
      let unknown = try await ambit("rollback", "other", in: host.directory)
      #expect(unknown.status == .exited(1) && unknown.text.contains("no plugin other serves; these do: crashy"))
      try await PluginFile.crashy("new").install(in: host.plugins)
      try await host.reload()
      let done = try await ambit("rollback", "crashy", in: host.directory)
      #expect(done.status == .exited(0), "\(done)")
      #expect(
        done.text.hasPrefix("rolled back crashy/2: crashy/3, which has the content of crashy/1, serves in its place ("))
      #expect(try await host.get("/state").text == "old old \n")
      #expect(try await ambit("reload", in: host.directory).status == .exited(1))
      let history = try await ambit("history", "crashy", in: host.directory)
      #expect(history.status == .exited(0))
      #expect(history.text.contains("rolled back: ambit rollback"), "\(history.text)")
      #expect(history.text.contains("(the content of crashy/1)"), "\(history.text)")
      let none = try await ambit("history", "other", in: host.directory)
      #expect(none.status == .exited(1) && none.errors.contains("error: no plugin other has served since"))
    }
  }
}
