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
      let begin = try await host.log.line(containing: "plugin crashy/2 is to be rolled back, since it has crashed")
      let line = try await host.log.line(containing: "plugin crashy/2 is rolled back, because of a crash before it was")
      #expect(begin.number < line.number)
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

  /// A plugin `slow` whose `start` waits for the file `gate`, in its dry run or in a worker.
  private func slow(in folder: URL, waitsInDryRun: Bool) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <fcntl.h>
      #include <unistd.h>
      static int32_t start(ambit_scope *plugin) {
        int is_dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
        if (is_dry_run != \(waitsInDryRun ? 1 : 0)) return AMBIT_OK;
        close(open("\(folder.filePath)/begun", O_CREAT | O_WRONLY, 0600));
        while (access("\(folder.filePath)/gate", F_OK) != 0) usleep(1000);
        return AMBIT_OK;
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "slow", .start = start};
      """, name: "slow")
  }

  @Test(arguments: [(1, false), (1, true), (2, false)])
  func `A roll-back does not wait for a reload that tries another plugin, and the reload begins anew`(
    workers: Int, waitsInDryRun: Bool
  ) async throws {
    let configuration = "workers = \(workers)\nthreads = 1\nprove_time = '1h'\ndry_run_timeout = '10m'\n"
    try await withHost([.crashy("old"), .placed("1")], configuration: configuration) { host in
      try await PluginFile.crashy("new").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      try await slow(in: host.directory, waitsInDryRun: waitsInDryRun).install(in: host.plugins)
      async let reload = ambit("reload", in: host.directory)
      try await eventually(until: { $0 }) {
        FileManager.default.fileExists(atPath: host.directory.appending(path: "begun").filePath)
      }
      try await crash(host)
      try await host.log.line(containing: "plugin crashy/2 is rolled back")
      #expect(try await host.get("/crashy").text == "old\n")
      #expect(try await host.answers("/place", ofWorkers: workers).count == workers)
      // With two, one may refuse the plugin before the other one can try it.
      if workers == 1 { #expect(host.log.lines { $0.contains("reload done") }.count == 1) }
      try host.directory.write("", as: "gate")
      let (status, text) = (try await reload.status, try await reload.text)
      #expect(status == .exited(1) && text.contains("failed  crashy/3"), "\(text)")
      // The plugin is refused as long as its first `start` has not returned in the second worker.
      try await eventually(until: { $0.contains("kept    slow/") }) {
        try await ambit("reload", in: host.directory).text
      }
      #expect(try await host.get("/crashy").text == "old\n")
    }
  }

  private func helper(_ number: Int) -> PluginFile {
    .source(
      "int helps(void);\nint helps(void) { return \(number); }\n", name: "libhelper",
      flags: ["-Wl,-soname,libhelper.so"])
  }

  /// Waits until workers that were replaced accept no connections any more.
  private func allAnswer(_ text: String, to path: String, _ host: Host) async throws {
    try await eventually(until: { $0 == [text] }) {
      var answers: Set<String> = []
      for _ in 1...20 { answers.insert(try await host.get(path).text) }
      return answers
    }
  }

  @Test func `A version that came with its own library is rolled back in new workers, with the library before`()
    async throws
  {
    try await withHost([], configuration: Self.configuration + "prove_time = '1h'") { host in
      let libraries = host.plugins.appending(path: "lib")
      try FileManager.default.createDirectory(at: libraries, withIntermediateDirectories: true)
      for (number, version) in [(1, "one"), (2, "two")] {
        try await helper(number).install(in: libraries)
        try await PluginFile.crashy(version, linkedIn: libraries).install(in: host.plugins)
        try await host.reloadOnRequest()
        try await allAnswer("\(version) \(number)\n", to: "/crashy", host)
      }
      try await allAnswer("one two \n", to: "/state", host)
      try await crash(host)
      try await host.log.line(containing: "crashy/3, which has the content of crashy/1, serves in its place")
      try await allAnswer("one 1\n", to: "/crashy", host)
      try await allAnswer("one one \n", to: "/state", host)
      try await host.startAgain { next in
        try await allAnswer("two 2\n", to: "/crashy", next)
        try await crash(next)
        try await next.log.line(containing: "crashy/2, which has the content of the last good copy, serves in its")
        try await allAnswer("one 1\n", to: "/crashy", next)
      }
    }
  }

  @Test func `A plugin whose content before does not start any more is quarantined, and not said to be rolled back`()
    async throws
  {
    let old = PluginFile.crashy("old", start: "if (!is_dry_run && access(\"bad\", F_OK) == 0) return AMBIT_FAILED;")
    try await withHost([old, .placed("1")], configuration: Self.configuration) { host in
      try await PluginFile.crashy("new").install(in: host.plugins)
      try await host.reload()
      try host.directory.write("", as: "bad")
      try await crash(host)
      let line = try await host.log.line(containing: "crashy/2 is quarantined: a crash, and its roll-back failed")
      #expect(line.contains("the last: SIGSEGV"), "\(line)")
      let reason = "crashy/2 is not rolled back: the content of crashy/1 cannot serve: "
      #expect(!host.log.lines { $0.contains(reason) }.isEmpty)
      #expect(host.log.lines { $0.contains("was rolled back") || $0.contains("is rolled back") }.isEmpty)
      #expect(try await host.answers("/place", ofWorkers: 2).count == 2)
    }
  }

  @Test(arguments: [false, true])
  func `An operator rolls a plugin back by its name, and the content before is the last good copy`(
    isSingle: Bool
  ) async throws {
    // The new version is proven at once, so that its content is the last good copy.
    try await withHost([.crashy("old")], configuration: "threads = 1\nprove_time = '0s'", isSingle: isSingle) { host in
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
      #expect(history.text.contains("content of crashy/1; serves"), "\(history.text)")
      let second = try await ambit("rollback", "crashy", in: host.directory)
      #expect(second.status == .exited(1), "\(second)")
      #expect(second.text.contains("was rolled back, quarantined or to blame for a crash (crashy/2)"), "\(second)")
      let none = try await ambit("history", "other", in: host.directory)
      #expect(none.status == .exited(1) && none.errors.contains("error: no plugin other has served since"))
      try await PluginFile.bytes([], name: "crashy").install(in: host.plugins)
      try await host.startAgain { next in
        let text = try await next.get("/crashy").text
        #expect(text == "old\n")
      }
    }
  }
}
