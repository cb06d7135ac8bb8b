import Foundation
import Glibc
import TestSupport
import Testing

/// A `start`, `save` or `stop` that blocks in the host, although it did not in its dry run.
@Suite struct `A function of a plugin that never returns` {
  /// One loop: if it were blocked, nothing would be served.
  private static let settings = "threads = 1\ndry_run_timeout = \"3s\"\ncancel_grace = \"100ms\""

  @Test func `A start that never returns costs the new version, and nothing else`() async throws {
    try await withHost([plugin("old")], configuration: Self.settings) { host in
      try await plugin("new", start: "block();").install(in: host.plugins)
      async let reload = host.reload()
      try await host.log.line { $0.text == "new blocks" }
      #expect(try await host.get("/my").text == "old\n")
      #expect(try await reload.field("failed") == "1")
      try await host.log.line { $0.contains("ERROR plugin my (Plugins/my.so): start has not returned after 4s") }
      let failed = try #require(await host.adminJSON("/status").objects("generations").last)
      #expect(failed.text("generation") == "my/2" && failed.text("state") == "retiring")
      #expect(failed.texts("held_by") == ["start of the plugin"])
      let stuck = try await host.log.line(containing: "is stuck")
      #expect(stuck.field("plugin") == "my/2" && stuck.field("job") == "start", "\(stuck)")
      #expect(stuck.contains("stack"))

      try await plugin("mended").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/my").text == "mended\n")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A save that never returns keeps the old version serving`() async throws {
    try await withHost([plugin("old", save: "block();")], configuration: Self.settings) { host in
      try await plugin("new").install(in: host.plugins)
      async let reload = host.reload()
      try await host.log.line { $0.text == "old blocks" }
      #expect(try await host.get("/my").text == "old\n")
      #expect(try await reload.field("failed") == "1")
      try await host.log.line(containing: "save has not returned after 4s")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A stop that never returns leaves the generation retiring, and the status says so`() async throws {
    try await withHost([plugin("old", stop: "block();")], configuration: Self.settings) { host in
      try await plugin("new").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      try await host.log.line { $0.text == "old blocks" }
      #expect(try await host.get("/my").text == "new\n")
      let retiring = try #require(
        await host.adminJSON("/status").objects("generations").first { $0.text("state") == "retiring" })
      #expect(retiring.texts("held_by") == ["stop of the plugin"])
      try host.directory.write("", as: "go")
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("plugin") == "my/1")
    }
  }

  /// A plugin `my` that answers `GET /my` with its version, and whose functions do this in the live host.
  private func plugin(_ version: String, start: String = "", save: String = "", stop: String = "") -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <unistd.h>
      __attribute__((unused)) static void block(void) {
        dprintf(2, "\(version) blocks\\n");
        while (access("go", F_OK) != 0) usleep(1000);
      }
      static int32_t start(ambit_scope *plugin) {
        if (ambit_extension(plugin, "ambit.dry_run/1") == NULL) { \(start) }
        return AMBIT_OK;
      }
      static int32_t save(ambit_scope *plugin) { (void)plugin; \(save) return AMBIT_OK; }
      static void stop(ambit_scope *plugin) {
        if (ambit_extension(plugin, "ambit.dry_run/1") == NULL) { \(stop) }
      }
      static int32_t answer(ambit_scope *scope) {
        return ambit_respondf(scope, 200, "text/plain", "\(version)\\n");
      }
      static const ambit_route routes[] = {{.pattern = "GET /my", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "my", .routes = routes,
        .route_count = 1, .start = start, .stop = stop, .save = save};
      """, name: "my")
  }
}
