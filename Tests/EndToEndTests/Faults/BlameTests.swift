import Foundation
import Glibc
import TestSupport
import Testing

/// Who is blamed for the death of a worker, and what is reported about it.
@Suite(.disabled(if: Places.isSanitized)) struct `The death of a worker` {
  private static let one = "workers = 1\nthreads = 1\ncrash_window = \"1s\"\ncrash_limit = 1000"
  private static let quiet = ["SWIFT_BACKTRACE": "enable=no"]

  @Test func `quick_exit is blamed on the plugin whose code is nearest on the stack`() async throws {
    try await withHost([.probe("deaths")], configuration: Self.one, environment: Self.quiet) { host in
      for (place, status) in [("handler", 0), ("job", 3), ("thread", 300)] {
        let position = host.log.position
        let client = try await host.ask("/\(place)/quick_exit-\(status)")
        let cause = "worker 1 died: quick_exit(\(status)) in end_by+0x"
        let line = try await host.log.line(after: position, containing: cause)
        #expect(line.field("plugin") == "deaths/1" && line.field("work") == place, "\(line)")
        #expect(line.field("route") == (place == "thread" ? nil : "GET /\(place)/{how}"), "\(line)")
        #expect(line.field("stack")?.contains(" end_by+0x") == true, "\(line)")
        try await host.log.line(after: line.number, containing: "worker 1 serves again")
        client.close()
      }
    }
  }

  @Test func `A crash in the destructor of an old version is blamed on that version, and the new one serves on`()
    async throws
  {
    @Sendable func version(_ text: String, isFatal: Bool) -> PluginFile {
      .source(
        """
        #include <ambit.h>
        #include <unistd.h>
        \(isFatal ? "__attribute__((destructor)) static void bye(void) { if (access(\"end\", F_OK) == 0) _exit(0); }" : "")
        static int32_t speak(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)"); }
        static const ambit_route routes[] = {{.pattern = "GET /speak", .handler = speak}};
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks",
          .flags = AMBIT_PLUGIN_UNLOADABLE, .routes = routes, .route_count = 1};
        """, name: "other")
    }
    try await withHost([version("one", isFatal: true)], configuration: Self.one, environment: Self.quiet) { host in
      try host.directory.write("", as: "end")
      try await version("two", isFatal: false).install(in: host.plugins)
      try await host.reload()
      let line = try await host.log.line(containing: "worker 1 died: _exit(0) in bye")
      #expect(line.field("plugin") == "speaks/1" && line.field("work") == "destructor", "\(line)")
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
      #expect(try await host.get("/speak").text == "two")
      #expect(host.log.lines { $0.contains("is rolled back") }.isEmpty)
    }
  }

  // Threads that plugins have made are not in the list: the only plugin in it may be innocent.
  @Test(arguments: ["job", "thread"])
  func `A system call that ends the worker is blamed on nobody, and the line says what each thread ran`(place: String)
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "threads = 2", environment: Self.quiet) { host in
      let client = try await host.ask("/block")
      try await host.log.line { $0.text == "blocks" }
      // The other loop accepts this one.
      let other = try await host.ask("/\(place)/exit_group")
      let line = try await host.log.line(containing: "worker 1 died: exit_group(4)")
      #expect(line.field("plugin") == nil && line.field("fault") == nil, "\(line)")
      let running = try #require(line.field("running"))
      #expect(running.contains("handler GET /block of plugin deaths/1 on loop "), "\(line)")
      let isListed = running.contains("job GET /job/{how} of plugin deaths/1 on thread ")
      #expect(isListed == (place == "job"), "\(line)")
      client.close()
      other.close()
    }
  }

  @Test func `SIGKILL is blamed on nobody, and the line says what each thread ran`() async throws {
    try await withHost([.probe("deaths")], configuration: Self.one) { host in
      let client = try await host.ask("/block")
      try await host.log.line { $0.text == "blocks" }
      kill(host.servingProcess, SIGKILL)
      var line = try await host.log.line(containing: "CRITICAL worker 1 died: SIGKILL")
      #expect(line.field("plugin") == nil && line.field("fault") == nil, "\(line)")
      #expect(line.field("running")?.hasPrefix("handler GET /block of plugin deaths/1 on loop 0 (request ") == true)
      line = try await host.log.line(after: line.number, containing: "worker 1 serves again")
      // Nothing runs in one that only waits.
      let waiting = try await host.ask("/hold/60000")
      try await host.log.line(after: line.number) { $0.text == "holds" }
      let again = try await host.get("/pid")
      // Not even the end of the request before.
      #expect(try await host.get("/none").status == 404)
      kill(try #require(pid_t(again.text)), SIGKILL)
      line = try await host.log.line(after: line.number, containing: "CRITICAL worker 1 died: SIGKILL")
      #expect(line.field("running") == nil, "\(line)")
      client.close()
      waiting.close()
    }
  }

  @Test func `An abort without a frame of a plugin is blamed on nobody, and the line says what ran`() async throws {
    try await withHost([.probe("deaths")], configuration: Self.one, environment: Self.quiet) { host in
      let client = try await host.ask("/handler/stranger")
      let line = try await host.log.line(containing: "worker 1 died: SIGABRT in ")
      #expect(line.field("plugin") == nil, "\(line)")
      #expect(line.field("running")?.hasPrefix("handler GET /handler/{how} of plugin deaths/1 on loop 0") == true)
      client.close()
    }
  }

  @Test func `A plugin that overwrites what the supervisor reads harms only the report on its worker`() async throws {
    try await withHost([.probe("deaths")], configuration: Self.one, environment: Self.quiet) { host in
      let client = try await host.ask("/handler/overwrite")
      let line = try await host.log.line(containing: "worker 1 died: SIGKILL")
      #expect(line.field("plugin") == nil && line.field("running") == nil, "\(line)")
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
      #expect(try await host.get("/pid").status == 200)
      client.close()
    }
  }
}

/// The files in `crash_dir`.
@Suite(.disabled(if: Places.isSanitized)) struct `A crash report` {
  private static func names(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.filePath).sorted()
  }

  @Test func `A crash report has the place, the work, the stack, the modules and the registers, and ten are kept`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "crash_dir = \"crashes\"") { host in
      let folder = host.directory.appending(path: "crashes")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let old = (10..<20).map { "20\($0)-01-01T000000.000Z-worker1-1.crash.txt" }
      for name in old { try folder.write("old", as: name) }
      // Written by a clock that was ahead.
      let ahead = (10..<19).map { "21\($0)-01-01T000000.000Z-worker1-1.crash.txt" }
      for name in ahead { try folder.write("old", as: name) }
      try folder.write("mine", as: "notes.txt")
      try folder.write("mine", as: "1.crash.txt")
      let client = try await host.ask("/handler/null")
      let line = try await host.log.line(containing: "CRITICAL worker 1 died: SIGSEGV")
      let path = try #require(line.field("report"), "\(line)")
      let kept = (ahead + ["1.crash.txt", "notes.txt", URL(filePath: path).lastPathComponent]).sorted()
      try await eventually(until: { $0 == kept }) { try Self.names(in: folder) }
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.hasPrefix("worker 1 died: SIGSEGV at 0x0 in end_by+0x"), "\(text)")
      for part in [
        "blamed: deaths/1\n", "work: handler\n", "route: GET /handler/{how}\n", "\nrequest: ", "\n  #0 0x",
        "handler GET /handler/{how} of plugin deaths/1 on loop ", " of plugin deaths/1\n",
      ] {
        #expect(text.contains(part), "\(part) in \(text)")
      }
      #expect(text.contains(/\n  #0 0x\w+ deaths\.1\.\w+\.so\+0x\w+\n/), "\(text)")
      #expect(text.contains(/\n  \/\S+\/deaths\.1\.\w+\.so build id [0-9a-f]{8,} of plugin deaths\/1\n/), "\(text)")
      #expect(text.contains(/\n  (rip|pc) 0x\w+\n/), "\(text)")
      if Places.tool("addr2line") != nil { #expect(text.contains("      end_by"), "\(text)") }
      client.close()
    }
  }

  @Test func `A folder for crash reports that cannot be used has a warning, and is used after a reload when it can`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "crash_dir = \"crashes\"") { host in
      let folder = host.directory.appending(path: "crashes")
      try FileManager.default.removeItem(at: folder)
      try host.directory.write("no folder", as: "crashes")
      try await host.reload()
      let warning = "no reports on deaths of workers are written until a reload can use the folder: "
      let told = try await host.log.line(containing: warning)
      #expect(told.contains("/crashes: ") || told.contains("/crashes\""), "\(told)")
      kill(host.servingProcess, SIGKILL)
      var line = try await host.log.line(containing: "worker 1 died: SIGKILL")
      #expect(line.field("report") == nil, "\(line)")
      line = try await host.log.line(after: line.number, containing: "worker 1 serves again")
      try FileManager.default.removeItem(at: folder)
      try await host.reload()
      #expect(try Self.names(in: folder) == [])
      kill(try #require(pid_t(try await host.get("/pid").text)), SIGKILL)
      line = try await host.log.line(after: line.number, containing: "worker 1 died: SIGKILL")
      #expect(line.field("report")?.contains("/crashes/") == true, "\(line)")
    }
  }

  @Test func `A crash report names the function that has called _exit last of all that it does`() async throws {
    // The call is the last instruction of the function, and the next function begins behind it.
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <unistd.h>
      __attribute__((noinline, noreturn)) static void leaves(void) { _exit(3); }
      __attribute__((noinline)) static int32_t next_function(ambit_scope *scope) { (void)scope; leaves(); }
      static const ambit_route routes[] = {{.pattern = "GET /leave", .handler = next_function}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "leaver", .routes = routes, .route_count = 1};
      """, name: "leaver", flags: ["-O0", "-falign-functions=1"])
    try await withHost([plugin]) { host in
      let client = try await host.ask("/leave")
      let line = try await host.log.line(containing: "worker 1 died: _exit(3) in leaves+0x")
      #expect(line.field("stack")?.hasPrefix("#0 leaves+0x") == true, "\(line)")
      let path = try #require(line.field("report"), "\(line)")
      let text = try await eventually(until: { $0 != nil }) { try? String(contentsOfFile: path, encoding: .utf8) }
      #expect(text?.contains(/\n  #0 0x\w+ leaver\.1\.\w+\.so\+0x\w+\n/) == true, "\(text ?? "")")
      if Places.tool("addr2line") != nil {
        let stack = /\n  #0 .*\n      leaves at .*\n  #1 .*\n      next_function at/
        #expect(text?.contains(stack) == true, "\(text ?? "")")
      }
      client.close()
    }
  }

  @Test func `A crash report is written into the state folder by default, also without a record of the worker`()
    async throws
  {
    try await withHost([.probe("deaths")]) { host in
      kill(host.servingProcess, SIGKILL)
      let line = try await host.log.line(containing: "worker 1 died: SIGKILL")
      let path = try #require(line.field("report"), "\(line)")
      #expect(path.contains("/state/crashes/") && path.hasSuffix(".crash.txt"), "\(path)")
      let text = try await eventually(until: { $0 != nil }) { try? String(contentsOfFile: path, encoding: .utf8) }
      #expect(text?.contains("blamed: nobody\n") == true)
    }
  }
}

extension Host {
  /// Sends a request on a connection of its own, which stays open until the caller closes it, and does not wait for the
  /// answer.
  fileprivate func ask(_ target: String) async throws -> Client {
    let client = try connect()
    try await client.send("GET \(target) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    return client
  }
}
