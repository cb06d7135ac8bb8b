import Foundation
import TestSupport
import Testing

/// Plugins that break a rule, each in a file named after the rule, before the real host.
@Suite struct `Refused plugins` {
  /// The fixtures that load well, or whose mistake only a start or a request can show.
  private static let loadable: Set = [
    "bare", "well_formed", "start_fails", "blocking_route", "pool_threads", "ignores_cancel", "holds_up_loop",
    "forbidden_calls", "hangs",
  ]

  @Test func `check names every file that breaks a rule, all at once`() async throws {
    let fixtures = Places.package.appending(path: "Tests/Fixtures").filePath
    let broken = try Set(FileManager.default.contentsOfDirectory(atPath: fixtures)).subtracting(Self.loadable)
    #expect(broken.count > 15)
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in broken { try await PluginFile.fixture(name).install(in: folder) }
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(1))
      for name in broken { #expect(result.errors.contains("/\(name).so"), "\(name)") }
    }
  }

  @Test func `A plugin whose start fails refuses the host's start, with the plugin's reason`() async throws {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await PluginFile.fixture("start_fails").install(in: folder)
      try directory.write("listen = [\"127.0.0.1:0\"]\n", as: "host.conf")
      let result = try await ambit("serve", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("start_fails") && result.errors.contains("the moon is not full"))
    }
  }

  @Test func `A plugin that had started is stopped when another one refuses the host's start`() async throws {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await PluginFile.probe("background").install(in: folder)
      try await PluginFile.source(Self.failsLive, name: "fails_live").install(in: folder)
      try directory.write("listen = [\"127.0.0.1:0\"]\n", as: "host.conf")
      let result = try await ambit("serve", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("start returned AMBIT_FAILED: live only"))
      #expect(result.errors.split(separator: "\n").contains("stopped"))
    }
  }

  /// A plugin whose `start` fails in the host, and not in its dry run before.
  private static let failsLive = """
    #include <ambit.h>
    static int32_t start(ambit_scope *plugin) {
      if (ambit_extension(plugin, "ambit.dry_run/1") != NULL) return AMBIT_OK;
      return ambit_fail(plugin, AMBIT_FAILED, "live only");
    }
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "fails_live", .start = start};
    """

  @Test func `A plugin whose start fails at a reload is left out, with the plugin's reason`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.fixture("start_fails").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("failed") == "1" && done.contains("reload done with failures"))
      try await host.log.line { $0.contains("start_fails") && $0.contains("the moon is not full") }
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  /// The log line about a file that takes the place of a good version, by fixture.
  private static let causes = [
    "no_entry": "no symbol ambit_plugin_entry in the library", "hidden_entry": "no symbol ambit_plugin_entry",
    "undefined_symbol": "undefined symbol: ", "wrong_magic": "magic: expected 0x414d4254, found 0xbadcafe",
    "other_major": "built for ABI 2.0, this host offers 1.0", "newer_minor": "built for ABI 1.1, this host offers 1.0",
    "wrong_size": "size: expected at least", "bad_pattern": "routes[0].pattern: \"GET bad\": column 5",
    "bad_signature": "unknown type `f46`; did you mean `f64`?", "bad_name": "name: expected a lower-case letter",
    "duplicate_route": "GET /d/{b} answers the same requests as routes[0]", "unknown_flags": "unknown bits 0x80",
    "start_fails": "start returned AMBIT_FAILED: the moon is not full",
  ]

  @Test func `A file that breaks a rule leaves the version before it serving, and the log names the rule`() async throws
  {
    try await withHost([.sample("hello")], configuration: "settle = \"0s\"") { host in
      let folder = host.directory.appending(path: "broken")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (fixture, cause) in Self.causes.sorted(by: { $0.key < $1.key }) {
        try await PluginFile.fixture(fixture).install(in: folder)
        let library = try Data(contentsOf: folder.appending(path: "\(fixture).so"))
        try library.write(to: host.plugins.appending(path: "hello.so"), options: .atomic)
        let position = host.log.position
        #expect(try await host.reloadOnRequest().field("failed") == "1", "\(fixture)")
        let errorLines = host.log.lines { $0.number > position && $0.contains("ERROR plugin") }
        let isNamed = errorLines.contains { $0.contains("(Plugins/hello.so)") && $0.contains(cause) }
        #expect(isNamed, "\(fixture): \(errorLines)")
        #expect(try await host.get("/hello/World").text == "Hello, World!\n")
      }
      #expect(try await host.adminJSON("/status").objects("generations").map { $0.text("generation") } == ["hello/1"])
    }
  }
}
