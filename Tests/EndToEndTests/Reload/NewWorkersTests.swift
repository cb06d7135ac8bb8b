import Foundation
import Glibc
import TestSupport
import Testing

/// Changes that a running worker cannot take over: a reload puts new workers in the place of the present ones.
@Suite struct `Replacing the workers at a reload` {
  @Test func `A reload replaces the workers for a changed key of workers, and says so`() async throws {
    try await withHost([.probe("descriptors")], configuration: "threads = 1") { host in
      try host.configure("threads = 2\nworkers = 2\n[log]\nformat = 'json'")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(2), "the format of the log waits for the next start")
      let lines = reload.text.split(separator: "\n").map(String.init)
      #expect(lines.contains("workers  replaced, because workers has changed, threads has changed"), "\(lines)")
      #expect(lines.filter { $0.hasPrefix("ignored") } == ["ignored  log.format: needs a restart"])
      let line = try await host.log.line(containing: "worker 1 is replaced, because ")
      #expect(line.contains("workers has changed, threads has changed"), "\(line)")
      try await host.log.line(containing: "worker 1 serves")

      try host.configure("threads = 2\nworkers = 2")
      let again = try await ambit("reload", in: host.directory)
      #expect(again.status == .exited(0))
      #expect(!again.text.contains("replaced"), "\(again.text)")
    }
  }

  @Test func `The log names each worker that is added, and each that is given up`() async throws {
    try await withHost([.placed("one")], configuration: "threads = 1") { host in
      try host.configure("threads = 1\nworkers = 3")
      try await host.reload()
      for index in [2, 3] {
        let line = try await host.log.line { $0.text.contains(" worker \(index) serves") && $0.field("worker") != nil }
        #expect(line.contains("NOTICE") && line.field("ms") != nil, "\(line)")
        #expect(line.field("pid").flatMap { pid_t($0) } == (try await host.workers()[index]), "\(line)")
      }
      let workers = try await host.workers()
      try host.configure("threads = 1")
      try await host.reload()
      for index in [2, 3] {
        let line = try await host.log.line(
          containing: "worker \(index) is given up, because workers has changed: it finishes its requests")
        #expect(line.contains("NOTICE") && line.field("pid").flatMap { pid_t($0) } == workers[index], "\(line)")
      }
      #expect(!host.log.text.contains("worker 1 is given up"))
    }
  }

  @Test func `A worker that starts after the format of the log has changed writes the one that the host has`()
    async throws
  {
    try await withHost([.probe("descriptors")], configuration: "threads = 1") { host in
      try host.configure("threads = 2\n[log]\nformat = 'json'")
      try await host.reload()
      try await host.log.line(containing: "worker 1 serves")
      for _ in 0..<20 { #expect(try await host.get("/shout").status == 200) }
      let lines = try await host.log.lines(20) { $0.contains("a line in the log") }
      #expect(lines.allSatisfy { !$0.text.hasPrefix("{") }, "\(lines)")
    }
  }

  @Test func `Workers are replaced, added and given up under load without losing a request`() async throws {
    try await withHost([.placed("one")], configuration: "threads = 1") { host in
      let clients = VersionClients(of: host, "/place", kept: 6, fresh: 2)
      let usableCPUs = try #require(Int(try await run("nproc", []).text.dropLast()))
      let steps: [(configuration: String, workers: Int)] = [
        ("threads = 2", 1), ("threads = 1\nworkers = 3", 3), ("threads = 1\nworkers = 3\nstack_size = '128KiB'", 3),
        ("threads = 1", 1), ("workers = 0 # and no threads", usableCPUs), ("threads = 1\npool_threads = 3\ncancel_grace = '1s'", 1),
      ]
      for (configuration, count) in steps {
        try host.configure(configuration)
        let reload = try await host.adminJSON("/reload", "-X", "POST")
        #expect(reload.text("result") == "done")
        #expect(!reload.texts("new_workers").isEmpty && reload.texts("old_workers").isEmpty)
        try await clients.round()
        #expect(try await host.answers("/place", ofWorkers: count).count == count)
        // The places that were given up are shown as long as their workers finish their requests.
        try await eventually(until: { $0 == Array(1...count) }) { try await host.workers().keys.sorted() }
      }
      let record = await clients.stop()
      #expect(record.failures.isEmpty, "\(record.failures.prefix(5))")
    }
  }

  @Test func `If a new worker does not start, the old one serves on, and the reload says why`() async throws {
    let refuses = """
      if (!is_dry_run && access("refuse", F_OK) == 0) return ambit_fail(plugin, AMBIT_FAILED, "no more");
      """
    try await withHost(
      [.placed("one", start: refuses)], configuration: "threads = 1\nworkers = 2", isSingle: false
    ) { host in
      let before = try await host.workers()
      try host.directory.write("", as: "refuse")
      try host.configure("threads = 2\nworkers = 3")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      let lines = reload.text.split(separator: "\n").map(String.init)
      #expect(lines.contains("workers  not replaced, because workers has changed, threads has changed"), "\(lines)")
      let reason = "worker 1 serves on as it was, because the new one does not start: plugin placed (Plugins/placed.so): "
        + "start returned AMBIT_FAILED: no more"
      #expect(lines.contains("  \(reason)"), "\(lines)")
      try await host.log.line { $0.contains("ERROR") && $0.contains(reason) }
      #expect(try await host.workers() == before)
      #expect(try await host.answers("/place", ofWorkers: 2).count == 2)
      let status = try await host.adminJSON("/status")
      #expect(status.objects("reloads").last?.texts("old_workers") == [reason])

      // As the workers are, nothing has to be replaced.
      try host.configure("threads = 1\nworkers = 2")
      let back = try await ambit("reload", in: host.directory)
      #expect(back.status == .exited(0) && !back.text.contains("replaced"), "\(back.text)")
      try host.configure("threads = 2\nworkers = 3")
      unlink(host.directory.appending(path: "refuse").filePath)
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      #expect(try await host.answers("/place", ofWorkers: 3).count == 3)
    }
  }

  @Test func `The status shows a replaced worker and its requests until it has ended`() async throws {
    try await withHost([.probe("waits")], configuration: "threads = 1") { host in
      let old = try #require(try await host.workers()[1])
      let client = try host.connect()
      defer { client.close() }
      try await client.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      try host.configure("threads = 2")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.map { $0.text("state") } == ["serving", "draining"])
      #expect(workers.last?.number("pid") == Int(old) && workers.last?.number("connections") == 1)
      #expect(try await host.adminJSON("/status").number("requests") == 1)
    }
  }

  @Test func `A worker that was added and did not start is tried again by each reload`() async throws {
    let refuses = """
      if (!is_dry_run && worker->index == 3 && access("refuse", F_OK) == 0)
        return ambit_fail(plugin, AMBIT_FAILED, "no more");
      """
    try await withHost([.placed("one", start: refuses)], configuration: "threads = 1\nworkers = 2") { host in
      try host.directory.write("", as: "refuse")
      try host.configure("threads = 1\nworkers = 3")
      for _ in 1...2 {
        let reload = try await ambit("reload", in: host.directory)
        #expect(reload.status == .exited(1))
        #expect(reload.text.contains("  worker 3 does not start: plugin placed (Plugins/placed.so): "), "\(reload.text)")
        #expect(try await host.answers("/place", ofWorkers: 2).count == 2)
      }
      unlink(host.directory.appending(path: "refuse").filePath)
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      #expect(try await host.answers("/place", ofWorkers: 3).count == 3)
    }
  }

  @Test func `A worker whose plugin cannot save its state is not replaced, and the reload says why`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t save(ambit_scope *plugin) { return ambit_fail(plugin, AMBIT_FAILED, "no room"); }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "full", .save = save};
      """, name: "full")
    try await withHost([plugin], configuration: "threads = 1") { host in
      let before = try await host.workers()
      try host.configure("threads = 2")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("worker 1 serves on as it was, because the new one does not start: plugin full"))
      #expect(reload.text.contains("no room"), "\(reload.text)")
      #expect(try await host.workers() == before)
    }
  }

  @Test func `A replacement of a worker that crashes again and again is done when the next one serves`() async throws {
    let ends = "if (!is_dry_run && access(\"end\", F_OK) == 0) _exit(1);"
    try await withHost([.placed("one", start: ends)], configuration: "threads = 1\ncrash_limit = 1000") { host in
      try host.directory.write("", as: "end")
      kill(try #require(try await host.workers()[1]), SIGKILL)
      try await host.log.line(containing: "worker 1 does not start: ")
      try host.configure("threads = 2\ncrash_limit = 1000")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("  worker 1 does not start: "), "\(reload.text)")
      unlink(host.directory.appending(path: "end").filePath)
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      #expect(try await host.get("/place").text == "1 one\n")
      #expect(try await host.adminJSON("/status").objects("loops").count == 2)
    }
  }

  @Test func `A worker that crashes after a failed replacement starts again as it was`() async throws {
    let refuses = """
      if (!is_dry_run && access("refuse", F_OK) == 0) return ambit_fail(plugin, AMBIT_FAILED, "no more");
      """
    try await withHost([.placed("one", start: refuses)], configuration: "threads = 1") { host in
      try host.directory.write("", as: "refuse")
      try host.configure("threads = 2")
      #expect(try await ambit("reload", in: host.directory).status == .exited(1))
      unlink(host.directory.appending(path: "refuse").filePath)
      kill(try #require(try await host.workers()[1]), SIGKILL)
      try await host.log.line(containing: "worker 1 serves again")
      #expect(try await host.adminJSON("/status").objects("loops").count == 1)
    }
  }

  @Test func `A library that is used in place and was replaced serves in new workers, without losing a request`()
    async throws
  {
    @Sendable func library(_ number: Int) -> PluginFile {
      .source("int f(void);\nint f(void) { return \(number); }\n", name: "f", flags: ["-Wl,-soname,f.so"])
    }
    try await withTemporaryFolder { folder in
      try await library(1).install(in: folder)
      let flags = ["-Wl,--no-as-needed", "-L", folder.filePath, "-l:f.so"]
      let plugin = PluginFile.source(
        """
        #include <ambit.h>
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "linked"};
        """, name: "linked", flags: flags)
      try await withHost(
        [plugin], configuration: "threads = 1\nworkers = 2", environment: ["LD_LIBRARY_PATH": folder.filePath],
        isSingle: false
      ) { host in
        let route = "[[route]]\nmatch = 'GET /f'\ncall = 'f.so: i32 f()'\n"
        try host.configure("threads = 1\nworkers = 2\n" + route)
        #expect(try await host.reload().field("added") == "1")
        let clients = VersionClients(of: host, "/f", kept: 4, fresh: 2)
        try await clients.round()
        try await library(2).install(in: folder)
        let reload = try await ambit("reload", in: host.directory)
        let done = ContinuousClock.now
        #expect(reload.status == .exited(0))
        let reason = "already loaded for another library or plugin; its file was replaced, and new workers use the new version"
        #expect(reload.text.contains("in use  f.so (\(reason))\n"), "\(reload.text)")
        #expect(reload.text.contains("workers  replaced, because library f.so was replaced, "), "\(reload.text)")
        try await eventually(until: { $0.map { $0 > done } ?? false }) { clients.present.lastBeginnings["2"] }
        // A kept connection ends with its next answer, which is one of the old worker.
        #expect(try await host.get("/f").text == "2")
        let record = await clients.stop()
        #expect(record.failures.isEmpty, "\(record.failures)")
        let again = try await ambit("reload", in: host.directory)
        #expect(!again.text.contains("replaced, because"), "\(again.text)")
      }
    }
  }

  @Test func `A single process keeps its worker, and says that a changed key needs a restart`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1\nworkers = 3", isSingle: true) { host in
      try await host.log.line { $0.contains("--single runs one worker") && $0.contains("workers = 3 has no effect") }
      try host.configure("threads = 1\nworkers = 2")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(2))
      #expect(reload.text.contains("ignored  workers: needs a restart\n"), "\(reload.text)")
    }
  }
}

/// Libraries that plugins are linked with, of which a process keeps the version that it has loaded first.
@Suite struct `New workers for new versions of libraries` {
  private static func helper(_ number: Int) -> PluginFile {
    .source(
      "int helps(void);\nint helps(void) { return \(number); }\n", name: "libhelper",
      flags: ["-Wl,-soname,libhelper.so"])
  }

  /// A plugin that answers with its version, the number of `libhelper.so`, and a count that it hands over.
  private static func plugin(_ version: String, linkedIn folder: URL) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <stdatomic.h>
      #include <string.h>
      int helps(void);
      static atomic_int count;
      static int32_t answer(ambit_scope *scope) {
        return ambit_respondf(scope, 200, "text/plain", "\(version) %d %d\\n", helps(), atomic_fetch_add(&count, 1) + 1);
      }
      static int32_t start(ambit_scope *plugin) {
        ambit_str left = ambit_handed_over(plugin, NULL);
        int value;
        if (left.len == sizeof value) {
          memcpy(&value, left.ptr, sizeof value);
          atomic_store(&count, value);
        }
        return AMBIT_OK;
      }
      static int32_t save(ambit_scope *plugin) {
        int value = atomic_load(&count);
        return ambit_hand_over(plugin, 1, &value, sizeof value);
      }
      static const ambit_route routes[] = {{.pattern = "GET /answer", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "linked", .version = "\(version)", .start = start, .save = save,
        .routes = routes, .route_count = 1};
      """, name: "linked",
      flags: ["-Wl,--no-as-needed", "-L", folder.filePath, "-lhelper", "-Wl,-rpath,$ORIGIN/lib"])
  }

  /// Runs a host with the plugin and the first version of the library that it brings along.
  private func withLinkedPlugin(
    _ body: @Sendable (_ host: Host, _ libraries: URL) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      try await Self.helper(1).install(in: folder)
      try await withHost([], configuration: "threads = 1") { host in
        let libraries = host.plugins.appending(path: "lib")
        try FileManager.default.createDirectory(at: libraries, withIntermediateDirectories: true)
        try await Self.helper(1).install(in: libraries)
        try await Self.plugin("one", linkedIn: folder).install(in: host.plugins)
        #expect(try await host.reloadOnRequest().field("added") == "1")
        #expect(try await host.get("/answer").text == "one 1 1\n")
        try await body(host, libraries)
      }
    }
  }

  @Test func `A new version of a library that a plugin brings along serves in new workers, with the plugin's state`()
    async throws
  {
    try await withLinkedPlugin { host, libraries in
      let clients = VersionClients(of: host, "/answer", kept: 3, fresh: 1)
      try await clients.round()
      try await Self.helper(2).install(in: libraries)
      let reload = try await ambit("reload", in: host.directory)
      let reached = await clients.stop()
      #expect(reached.failures.isEmpty, "\(reached.failures)")
      #expect(reload.status == .exited(0))
      #expect(reload.text.contains("changed  linked/2  Plugins/linked.so\n"), "\(reload.text)")
      let reason = "workers  replaced, because a library was replaced that Plugins/linked.so is linked with\n"
      #expect(reload.text.contains(reason), "\(reload.text)")
      let answer = try await host.get("/answer").text.split(separator: " ").map(String.init)
      #expect(answer.prefix(2) == ["one", "2"])
      #expect(Int(answer[2].dropLast()) ?? 0 > 64, "the count was handed over: \(answer)")
      let again = try await ambit("reload", in: host.directory)
      #expect(again.text.contains("kept  linked/2") && !again.text.contains("replaced"), "\(again.text)")
    }
  }

  @Test func `If the plugin does not start with the new library, the old versions serve on, and the next try may succeed`()
    async throws
  {
    try await withLinkedPlugin { host, libraries in
      try await PluginFile.source("int other;", name: "libhelper", flags: ["-Wl,-soname,libhelper.so"])
        .install(in: libraries)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("failed  linked/1  Plugins/linked.so"), "\(reload.text)")
      #expect(try await host.get("/answer").text == "one 1 2\n")
      try await Self.helper(3).install(in: libraries)
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      #expect(try await host.get("/answer").text == "one 3 3\n")
    }
  }
}
