import Foundation
import Glibc
import TestSupport
import Testing

/// When and how often a worker that has crashed is replaced.
@Suite(.disabled(if: Places.isSanitized)) struct `Restarts of workers` {
  private static let quiet = ["SWIFT_BACKTRACE": "enable=no"]
  private static let crashing = "[plugin.deaths]\nstart = \"_exit\""

  @Test func `A host does not start whose plugin ends each worker that starts it`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.probe("deaths")], configuration: "threads = 1\n\(Self.crashing)")
      let result = try await run(Places.ambit.filePath, ["serve"], in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("error: plugin deaths (Plugins/deaths.so): all workers ended while they loaded"))
      // The host may end before it has told the end of the second one.
      let ends = result.errors.components(separatedBy: " died: _exit(0) in end_by").count - 1
      #expect((1...2).contains(ends), "two tries")
      #expect(!FileManager.default.fileExists(atPath: directory.appending(path: ".ambit.sock").filePath))
    }
  }

  @Test func `A generation that ends each worker is refused after two tries, and the old one serves on`() async throws {
    try await withHost([.probe("deaths")], configuration: "threads = 1", environment: Self.quiet) {
      host in
      try host.configure("threads = 1\n\(Self.crashing)")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1), "\(reload.text)")
      #expect(reload.text.contains("all workers ended while they loaded and started it"), "\(reload.text)")
      _ = try await host.log.lines(2) { $0.contains("worker 1 died: _exit(0) in end_by") }
      #expect(try await host.get("/pid").status == 200)
      let status = try await host.adminJSON("/status")
      #expect(status.objects("workers").first?.number("crashes") == 2)
      #expect(status.objects("generations").compactMap { $0.text("generation") } == ["deaths/1"])
    }
  }

  @Test func `A generation that ends each worker is refused however often it is tried`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "threads = 1", environment: Self.quiet) { host in
      try host.configure("threads = 1\n\(Self.crashing)")
      for _ in 1...4 {
        let reload = try await ambit("reload", in: host.directory)
        #expect(reload.status == .exited(1), "\(reload.text)")
        #expect(try await host.get("/pid").status == 200)
      }
      #expect(host.log.lines { $0.contains("without a try") }.isEmpty)
      #expect(try await host.log.lines(8) { $0.contains("serves again") }.count == 8)
    }
  }

  @Test func `The line of the start counts the places of workers, also if a worker has crashed meanwhile`()
    async throws
  {
    let crash = "if (!is_dry_run && worker->index == 2) _exit(1);"
    try await withHost([.placed("one", start: crash)], configuration: "threads = 1\nworkers = 2", isSingle: false) {
      host in
      let line = try await host.log.line(containing: " serving ")
      #expect(line.field("workers") == "2" && line.field("threads") == "2", "\(line)")
      try await host.log.line(containing: "worker 2 died: _exit(1)")
    }
  }

  /// A plugin whose worker ends a moment after it has begun to serve, or not.
  private func plugin(crashes: Bool) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t crash(ambit_scope *scope, void *arg) {
        (void)arg;
        if (ambit_sleep(scope, AMBIT_MILLISECONDS(10)) == AMBIT_OK) _exit(\(crashes ? 1 : 0));
        return AMBIT_OK;
      }
      static int32_t start(ambit_scope *plugin) {
        if (!\(crashes) || ambit_extension(plugin, "ambit.dry_run/1") != NULL) return AMBIT_OK;
        return ambit_spawn(plugin, crash, NULL, NULL, NULL);
      }
      static int32_t good(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "good\\n", 5); }
      static const ambit_route routes[] = {{.pattern = "GET /good", .handler = good}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "moody", .start = start, .routes = routes, .route_count = 1};
      """, name: "moody")
  }

  @Test func `Delays grow while workers crash at once, and a reload with a good version ends that without a delay`()
    async throws
  {
    try await withHost([], configuration: "threads = 1\ncrash_limit = 1000") { host in
      try await plugin(crashes: true).install(in: host.plugins)
      try await host.reload()
      let lines = try await host.log.lines(6) { $0.contains("serves again") }
      let times = lines.compactMap { $0.field("ms").flatMap { Int($0) } }
      // At least 0, 50, 100, 200, 400, 800 ms, less a fifth.
      for (time, least) in zip(times, [0, 40, 80, 160, 320, 640]) { #expect(time >= least, "\(times)") }
      let ends = host.log.lines { $0.contains("worker 1 died: ") }
      #expect(Set(ends.map { $0.field("pid") }).count == ends.count, "one line for each end")

      try await plugin(crashes: false).install(in: host.plugins)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0), "\(reload.text)")
      #expect(reload.text.contains("  served without a try in a running worker, because the workers"), "\(reload.text)")
      // The bad version may end one more worker while it is replaced.
      try await eventually(until: { $0 }) {
        let crashes = try await host.adminJSON("/status").objects("workers").first?.number("crashes")
        for _ in 1...20 {
          guard (try? await host.get("/good"))?.text == "good\n" else { return false }
        }
        return try await host.adminJSON("/status").objects("workers").first?.number("crashes") == crashes
      }
    }
  }
}

/// Connections while workers die.
@Suite struct `Connections while no worker runs` {
  @Test func `No connection is refused, and only requests in the dead worker are lost`() async throws {
    try await withHost([.probe("deaths")], configuration: "threads = 1\ncrash_limit = 1000") { host in
      for round in 1...5 {
        // Nobody accepts for 0, 50, 100, 200 and 400 ms from the death on.
        let victim = try await host.connectToWorker()
        let position = host.log.position
        try await victim.ask("/handler/_exit")
        try await host.log.line(after: position, containing: "worker 1 died: _exit(0)")
        let waiting = try (0..<20).map { _ in try host.connect() }
        for client in waiting { try await client.send("GET /pid HTTP/1.1\r\nHost: ambit\r\n\r\n") }
        for client in waiting { #expect(try await client.response().status == 200, "round \(round)") }
        #expect(try await victim.client.rest().isEmpty)
      }
    }
  }

  @Test func `A client that connects all the time notices the death of one of two workers by at most one request`()
    async throws
  {
    try await withHost(
      [.probe("deaths")], configuration: "workers = 2\nthreads = 1\ncrash_window = \"1s\""
    ) { host in
      var lost = 0
      for _ in 1...6 {
        let victim = try await host.connectToWorker()
        let position = host.log.position
        kill(victim.pid, SIGKILL)
        var isWhole = false
        while !isWhole {
          isWhole = host.log.lines { $0.number > position && $0.contains("serves again") }.count > 0
          do { #expect(try await host.get("/pid").status == 200) } catch let error as ClientError {
            #expect(!error.description.contains("connect"), "\(error)")
            lost += 1
          }
        }
      }
      #expect(lost <= 6)
    }
  }
}
