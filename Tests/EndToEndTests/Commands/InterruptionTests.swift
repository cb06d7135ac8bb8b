import Foundation
import Glibc
import TestSupport
import Testing

/// SIGTERM and SIGINT while the host waits for a call of a plugin.
@Suite struct `Being told to stop` {
  /// Where a plugin hangs. It writes "hangs" then.
  enum Place: String, CaseIterable {
    case dryRun = "static int32_t start(ambit_scope *plugin) { return hang(plugin); }"
    case start = """
      static int32_t start(ambit_scope *plugin) {
        return ambit_extension(plugin, "ambit.dry_run/1") != NULL ? AMBIT_OK : hang(plugin);
      }
      """
    case constructor = """
      __attribute__((constructor)) static void load(void) {
        int first_run = open("dry_run_done", O_CREAT | O_EXCL, 0600);
        if (first_run < 0) hang(NULL);
        close(first_run);
      }
      static int32_t start(ambit_scope *plugin) { (void)plugin; return AMBIT_OK; }
      """

    var plugin: PluginFile {
      .source(
        """
        #include <ambit.h>
        #include <fcntl.h>
        #include <unistd.h>
        static int32_t hang(ambit_scope *plugin) {
          dprintf(2, "hangs\\n");
          while (true) pause();
          return plugin != NULL;
        }
        \(rawValue)
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "slow", .start = start};
        """, name: "slow")
    }
  }

  @Test(arguments: Place.allCases)
  func `A signal ends the start of a host that a plugin holds up, and leaves nothing behind`(place: Place) async throws
  {
    try await withStart(of: place.plugin, configuration: "cancel_grace = \"100ms\"") { child, log, copies in
      try await hang(in: log)
      child.signal(SIGINT)
      try await log.line(containing: "stopped before the host served anything")
      #expect(await child.status == .exited(0))
      #expect(try FileManager.default.contentsOfDirectory(atPath: copies.path).isEmpty)
    }
  }

  @Test func `A second signal ends such a start at once`() async throws {
    try await withStart(of: Place.start.plugin, configuration: "cancel_grace = \"1m\"") { child, log, copies in
      try await hang(in: log)
      child.signal(SIGINT)
      child.signal(SIGTERM)
      try await log.line(containing: "second signal: stopping at once")
      #expect(await child.status == .exited(0))
      #expect(try FileManager.default.contentsOfDirectory(atPath: copies.path).isEmpty)
    }
  }

  @Test(arguments: Place.allCases)
  func `A signal gives up a reload that a plugin holds up, and lets running requests finish`(place: Place) async throws
  {
    let configuration = "dry_run_timeout = \"10m\"\ncancel_grace = \"100ms\"\ndrain_timeout = \"20s\""
    try await withHost([.sample("simple_service")], configuration: configuration) { host in
      let connection = try host.connect()
      try await connection.send("GET /hold?seconds=2 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "working... step 1 of 5")
      try await place.plugin.install(in: host.plugins)
      host.child.signal(SIGHUP)
      try await hang(in: host.log)
      host.child.signal(SIGTERM)
      try await host.log.line(containing: "aborted because the host is stopping")
      try await host.log.line(containing: "reload refused, nothing has changed")
      let answer = try await connection.response()
      #expect(answer.status == 200)
      #expect(await host.child.status == .exited(0))
    }
  }

  /// Waits until the plugin hangs, in its dry run or live.
  private func hang(in log: HostLog) async throws {
    try await eventually(within: .seconds(30), until: { $0.contains("hangs") }) { log.text }
  }

  /// Starts a host with one plugin, which need not come to serve, and hands over its log and the folder of its copies.
  private func withStart(
    of plugin: PluginFile, configuration: String, _ body: (RunningCommand, HostLog, URL) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { directory in
      let (plugins, copies) = (directory.appending(path: "Plugins"), directory.appending(path: "private"))
      for folder in [plugins, copies] {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      }
      try await plugin.install(in: plugins)
      let usual = "listen = [\"127.0.0.1:0\"]\nprivate = \"private\"\ndry_run_timeout = \"10m\"\n"
      try directory.write(usual + configuration, as: "host.conf")
      let (host, log) = try await startHost(Places.ambit.filePath, ["serve"], in: directory)
      try await body(host, log, copies)
    }
  }
}
