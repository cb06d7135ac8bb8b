import Foundation
import Glibc
import TestSupport
import Testing

/// A plugin that crashes again and again is quarantined, and the others serve.
@Suite(.disabled(if: Places.isSanitized)) struct `A quarantined plugin` {
  private static let configuration = "workers = 2\nthreads = 1\nprove_time = \"0s\"\n"

  /// Asks for a path that ends the worker, and waits until another one serves.
  private func crash(_ host: Host, _ path: String = "/boom") async throws {
    let position = host.log.position
    let client = try host.connect()
    try await client.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    #expect(try await client.rest().isEmpty)
    try await host.log.line(after: position, containing: "serves again")
  }

  @Test func `The third crash within the window quarantines the plugin in all workers, and a retry tries it again`()
    async throws
  {
    try await withHost([.crashy("one"), .placed("1")], configuration: Self.configuration) { host in
      for _ in 1...2 { try await crash(host) }
      #expect(try await host.get("/crashy").text == "one\n")
      try await crash(host)
      let line = try await host.log.line(containing: "plugin crashy/1 is quarantined: 3 crashes in ")
      #expect(line.contains("the last: SIGSEGV") && line.contains("boom") && line.contains("ERROR"), "\(line)")
      // The third crash has no successors that crash, so no delay follows.
      let last = try await host.log.lines(3) { $0.contains("serves again") }[2]
      #expect(try #require(last.field("ms").flatMap { Int($0) }) < 2000, "\(last)")

      for path in ["/boom", "/crashy"] {
        // A worker that serves learns of it a moment later.
        try await eventually(until: { $0 }) {
          for _ in 1...10 where try await host.get(path).status != 503 { return false }
          return true
        }
        let answer = try await host.get(path)
        #expect(answer["Retry-After"] == "60")
        #expect(answer.text.hasPrefix("503 Service Unavailable: plugin crashy is quarantined (3 crashes in "))
      }
      #expect(try await host.answers("/place", ofWorkers: 2).count == 2)

      let status = try await ambit("status", in: host.directory).text
      #expect(status.contains("crashy/1  quarantined since 20"), "\(status)")
      let quarantined = try #require(try await host.adminJSON("/status").objects("quarantined").first)
      #expect(quarantined.text("plugin") == "crashy" && quarantined.text("generation") == "crashy/1")
      #expect(quarantined.text("last_crash")?.hasPrefix("SIGSEGV") == true)
      let history = try await ambit("history", "crashy", in: host.directory).text
      #expect(history.contains("quarantined: 3 crashes in "), "\(history)")

      // Neither a reload nor a worker that starts later runs it.
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0))
      #expect(reload.text.contains("  quarantined since 20") && reload.text.contains("reload --retry crashy"))
      let victim = try await host.workers()[1]
      let position = host.log.position
      kill(try #require(victim), SIGKILL)
      try await host.log.line(after: position, containing: "serves again")
      for _ in 1...10 { #expect(try await host.get("/crashy").status == 503) }

      let wrong = try await ambit("reload", "--retry", "placed", in: host.directory)
      #expect(wrong.status == .exited(1))
      #expect(wrong.text.contains("--retry placed: expected a plugin that is quarantined"), "\(wrong.text)")
      let unknown = try await ambit("reload", "--retry", "plaecd", in: host.directory)
      #expect(unknown.status == .exited(1))
      #expect(unknown.text.contains("--retry plaecd: no plugin of this name serves"), "\(unknown.text)")
      // The reload itself takes place, for all that wait for it.
      for text in [wrong.text, unknown.text] { #expect(text.contains("kept  placed/1"), "\(text)") }
      let retry = try await ambit("reload", "--retry", "crashy", in: host.directory)
      #expect(retry.status == .exited(0) && retry.text.contains("changed  crashy/2"), "\(retry.text)")
      for _ in 1...10 { #expect(try await host.get("/crashy").text == "one\n") }
      #expect(try await host.adminJSON("/status").objects("quarantined").isEmpty)
    }
  }

  @Test func `A new version of the file ends a quarantine`() async throws {
    try await withHost([.crashy("one")], configuration: Self.configuration + "crash_limit = 1") { host in
      try await crash(host)
      try await host.log.line(containing: "plugin crashy/1 is quarantined: 1 crash, the last: SIGSEGV")
      try await PluginFile.crashy("two").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      for _ in 1...10 { #expect(try await host.get("/crashy").text == "two\n") }
    }
  }

  @Test func `A plugin that crashes whenever it starts in the place of a crashed worker is quarantined`() async throws {
    let plugin = PluginFile.crashy("one", start: "if (access(\"bad\", F_OK) == 0) boom(plugin);")
    try await withHost([plugin, .placed("1")], configuration: Self.configuration) { host in
      try host.directory.write("", as: "bad")
      let victim = try #require(try await host.workers()[1])
      kill(victim, SIGKILL)
      try await host.log.line(containing: "plugin crashy/1 is quarantined: 3 crashes in ")
      #expect(try await host.answers("/place", ofWorkers: 2).count == 2)
    }
  }

  @Test func `Nobody is quarantined for workers that others have killed`() async throws {
    try await withHost([.crashy("one")], configuration: "workers = 1\nthreads = 1\ncrash_window = \"1m\"") { host in
      for _ in 1...3 {
        let position = host.log.position
        kill(try #require(try await host.workers()[1]), SIGKILL)
        try await host.log.line(after: position, containing: "serves again")
      }
      #expect(try await host.get("/crashy").text == "one\n")
      #expect(host.log.lines { $0.contains("quarantined") }.isEmpty)
      #expect(try await host.adminJSON("/status").objects("quarantined").isEmpty)
    }
  }
}

extension PluginFile {
  /// A plugin `crashy` that answers `GET /crashy` with `text`, and whose `GET /boom` ends the worker. It hands over
  /// `text` after what it was handed over, which `GET /state` answers with.
  /// - Parameters:
  ///   - start: C statements at the beginning of its `start`, which has `plugin` and `is_dry_run`.
  ///   - libraries: the folder of a `libhelper.so` that it brings along, whose `helps()` it answers with, too.
  static func crashy(_ text: String, start: String = "", linkedIn libraries: URL? = nil) -> PluginFile {
    let answer = libraries == nil ? #""\#(text)\n""# : #""\#(text) %d\n", helps()"#
    return .source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      int helps(void);
      static char state[200];
      static int *volatile nowhere;
      __attribute__((noinline)) static int32_t boom(ambit_scope *scope) { (void)scope; return *nowhere = 1; }
      static int32_t tick(ambit_scope *scope, void *arg) {
        (void)arg;
        return access("tick", F_OK) == 0 ? boom(scope) : AMBIT_OK;
      }
      static int32_t answer(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", \(answer)); }
      static int32_t tell(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%s\\n", state); }
      static int32_t start(ambit_scope *plugin) {
        int is_dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
        ambit_str before = ambit_handed_over(plugin, NULL);
        if (before.ptr != NULL) snprintf(state, sizeof state, "%.*s", (int)before.len, before.ptr);
        strcat(state, "\(text) ");
        (void)is_dry_run, (void)tick;
        \(start)
        return AMBIT_OK;
      }
      static int32_t save(ambit_scope *plugin) { return ambit_hand_over(plugin, 1, state, strlen(state)); }
      static const ambit_route routes[] = {
        {.pattern = "GET /crashy", .handler = answer}, {.pattern = "GET /boom", .handler = boom},
        {.pattern = "GET /state", .handler = tell}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "crashy", .version = "\(text)", .start = start, .save = save, .routes = routes,
        .route_count = sizeof routes / sizeof routes[0]};
      """, name: "crashy",
      flags: libraries.map {
        ["-Wl,--no-as-needed", "-L", $0.filePath, "-lhelper", "-Wl,-rpath,$ORIGIN/lib"]
      } ?? [])
  }
}
