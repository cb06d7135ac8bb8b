import Foundation
import Glibc
import TestSupport
import Testing

/// The last line of a process that a plugin crashes.
@Suite(.disabled(if: Places.isSanitized)) struct `A crash` {
  /// A route, and the facts in the line about it.
  struct Crash: Sendable, CustomTestStringConvertible {
    let path: String
    var signal = "SIGSEGV"
    var message = "SIGSEGV at 0x0 in crash+0x"
    var work = "handler"
    var job: String?
    /// A function further up the stack.
    var caller = "handler"
    var testDescription: String { path }
  }

  private static let crashes = [
    Crash(path: "/handler"),
    Crash(path: "/blocking"),
    Crash(path: "/job", work: "job", job: "indexer", caller: "run_job"),
    Crash(path: "/job-on-thread", work: "job", job: "indexer", caller: "run_job"),
    Crash(path: "/on_end", work: "on_end", caller: "crash_at_end"),
    Crash(path: "/on_cancel", work: "on_cancel", caller: "crash_in_hook"),
    Crash(path: "/deferred", work: "deferred", caller: "crash_in_hook"),
    Crash(path: "/block", work: "block", caller: "crash_in_block"),
    Crash(path: "/abort", signal: "SIGABRT", message: "SIGABRT in aborts+0x", caller: "aborts"),
    Crash(path: "/divide", signal: "SIGFPE", message: "SIGFPE", caller: "divides"),
    Crash(path: "/raise/\(SIGTRAP)", signal: "SIGTRAP", message: "SIGTRAP in raises+0x", caller: "raises"),
    Crash(path: "/raise/\(SIGSYS)", signal: "SIGSYS", message: "SIGSYS in raises+0x", caller: "raises"),
    Crash(
      path: "/cut-file", signal: "SIGBUS", message: ", beyond the end of a mapped file, in reads_cut_file+0x",
      caller: "reads_cut_file"),
    Crash(path: "/overflow", message: "stack overflow, all of ", caller: "deep"),
    Crash(path: "/overflow-on-thread", message: "stack overflow, all of ", caller: "deep"),
    Crash(
      path: "/nothing", message: "SIGSEGV at 0x0, where no code is, called from calls_nothing+0x",
      caller: "calls_nothing"),
    Crash(
      path: "/nowhere", message: "SIGSEGV at 0x1230, where no code is, called from calls_nowhere+0x",
      caller: "calls_nowhere"),
    Crash(path: "/data", message: ", where no code is, called from calls_data+0x", caller: "calls_data"),
    Crash(
      path: "/table", message: ", a write into the host's table of calls, which is read-only, in overwrites_table+0x",
      caller: "overwrites_table"),
  ]

  @Test(arguments: crashes) func `A crash is named by signal, place, plugin, route, scope and kind of work`(
    crash: Crash
  )
    async throws
  {
    try await withHost([.fixture("crashes")]) { host in
      let line = try await self.line(of: crash.path, in: host)
      #expect(line.contains("Z CRITICAL worker 1 died: SIG") && line.contains(crash.message), "\(line)")
      #expect(line.contains(" (crashes.1."), "\(line)")
      let route = crash.path.hasPrefix("/raise") ? "/raise/{number}" : crash.path
      #expect(line.field("plugin") == "crashes/1" && line.field("route") == "GET \(route)", "\(line)")
      #expect(line.field("request")?.wholeMatch(of: requestID) != nil, "\(line)")
      #expect(line.field("work") == crash.work && line.field("job") == crash.job, "\(line)")
      let stack = try #require(line.field("stack"), "\(line)")
      #expect(stack.hasPrefix("#0 ") && stack.contains(" \(crash.caller)+0x"), "\(line)")
      try await host.expectNewWorker(afterDeathBy: "\(crash.signal)")
    }
  }

  @Test(arguments: ["-O0", "-O2", "-O2 -fno-asynchronous-unwind-tables -fno-omit-frame-pointer"])
  func `A crash names the callers in code of every kind`(flags: String) async throws {
    let text = try String(contentsOf: Places.fixture("crashes"), encoding: .utf8)
    let plugin = PluginFile.source(
      text, name: "crashes", flags: flags.split(separator: " ").map(String.init) + ["-Wno-unused-value"])
    try await withHost([plugin]) { host in
      let line = try await self.line(of: "/handler", in: host)
      #expect(line.field("stack")?.firstMatch(of: /^#0 crash\+0x\w+ #1 handler\+0x\w+ #2 0x\w+ \(/) != nil, "\(line)")
      #expect(line.field("stack")?.contains(" #6 ") == true, "through the host up to the fiber's beginning")
    }
  }

  @Test func `A crash is one JSON object if the log is in JSON`() async throws {
    let configuration = "[log]\nformat = \"json\""
    try await withHost([.fixture("crashes")], configuration: configuration) { host in
      let line = try await self.line(of: "/job", in: host)
      let object = try JSONDecoder().decode([String: String].self, from: Data(line.text.utf8))
      #expect(object["level"] == "critical" && object["time"]?.hasSuffix("Z") == true)
      #expect(object["message"]?.hasPrefix("worker 1 died: SIGSEGV at 0x0 in crash+0x") == true)
      #expect(object["plugin"] == "crashes/1" && object["route"] == "GET /job" && object["job"] == "indexer")
      #expect(object["work"] == "job" && object["stack"]?.hasPrefix("#0 crash+0x") == true)
    }
  }

  @Test(arguments: ["start", "save", "stop"])
  func `A crash in one of a plugin's lifecycle calls names that call`(function: String) async throws {
    try await withHost([]) { host in
      let setting = "[plugin.crashes]\nin = \"\(function)\""
      try host.configure(setting)
      try await PluginFile.fixture("crashes").install(in: host.plugins)
      if function != "start" { try await host.reload() }
      if function == "save" { try host.configure(setting + "\nother = 1") }
      host.child.signal(function == "stop" ? SIGTERM : SIGHUP)
      let line = try await host.log.line(containing: "CRITICAL")
      #expect(line.field("plugin") == "crashes/1" && line.field("work") == function, "\(line)")
      #expect(line.field("route") == nil && line.field("job") == nil, "\(line)")
      if function == "stop" {
        #expect(line.contains("worker 1 died while it drained: SIGSEGV"), "\(line)")
        #expect(await host.child.status == .exited(0))
      } else {
        try await host.expectNewWorker(afterDeathBy: "SIGSEGV")
      }
    }
  }

  @Test func `A crash in a constructor names the constructor and its place`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <fcntl.h>
      static int *volatile nowhere;
      static void crash(void) { *nowhere = 1; }
      __attribute__((constructor)) static void load(void) {
        if (open("dry_run_done", O_CREAT | O_EXCL, 0600) < 0) crash();
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "loader"};
      """, name: "loader")
    try await withHost([]) { host in
      try await plugin.install(in: host.plugins)
      host.child.signal(SIGHUP)
      let line = try await host.log.line(containing: "CRITICAL")
      #expect(line.contains(" in crash+0x") && line.contains("(loader.1."), "\(line)")
      #expect(line.field("plugin") == "loader" && line.field("work") == "constructor", "\(line)")
      #expect(line.field("stack")?.contains(" load+0x") == true, "\(line)")
    }
  }

  @Test func `A crash in a dry run is refused with its place, in the operator's words`() async throws {
    let start = "int *volatile nowhere = 0; return *nowhere;"
    try await withHost([]) { host in
      try await Mishap("", start: start, "").plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let reason = try await host.log.line(containing: "start crashed: SIGSEGV at address 0x0 in start+0x")
      #expect(reason.contains(" (my.so)") && !host.log.text.contains("ambit-crash"), "\(reason)")
    }
  }

  @Test func `A crash on a thread that a plugin made names the plugin by its library`() async throws {
    try await withHost([.fixture("crashes")]) { host in
      let line = try await self.line(of: "/own-thread", in: host)
      #expect(line.field("plugin") == "crashes/1" && line.field("work") == "thread", "\(line)")
      #expect(line.field("route") == nil && line.field("stack")?.contains(" run_thread+0x") == true, "\(line)")
    }
  }

  @Test func `Crashes of two threads at once give one line, which is whole`() async throws {
    try await withHost([.fixture("crashes")]) { host in
      try await self.line(of: "/twice", in: host)
      try await host.expectNewWorker(afterDeathBy: "SIGSEGV")
      let lines = host.log.lines { $0.contains("CRITICAL") }
      #expect(lines.count == 1)
      let whole = /^\S+Z CRITICAL worker 1 died: SIGSEGV at 0x0 in crash\+0x.* stack="[^"]+".*$/
      #expect(lines[0].text.contains(whole), "\(lines[0])")
    }
  }

  @Test(arguments: [(SIGSEGV, "SIGSEGV"), (SIGABRT, "SIGABRT")])
  func `A fatal signal from another process is not blamed on a plugin`(signal: Int32, name: String) async throws {
    try await withHost([.fixture("crashes")]) { host in
      kill(host.servingProcess, signal)
      let line = try await host.log.line(containing: "CRITICAL")
      #expect(line.contains(" sent by process \(getpid()) of user \(getuid())"), "\(line)")
      #expect(line.field("plugin") == nil && line.field("stack") == nil, "\(line)")
      try await host.expectNewWorker(afterDeathBy: "\(name)")
    }
  }

  @Test func `A crash of a process that a plugin forked does not end the host`() async throws {
    try await withHost([.fixture("crashes")]) { host in
      let (forked, after) = (try await host.get("/fork"), try await host.get("/none"))
      #expect(forked.status == 200 && after.status == 404)
    }
  }

  @Test func `A crash report follows what was logged before, and says so if some is lost because of a slow reader`()
    async throws
  {
    try await withHost([.fixture("crashes")]) { host in
      let connection = try host.connect()
      try await host.log.unread {
        try await connection.send("GET /log-much HTTP/1.1\r\nHost: ambit\r\n\r\n")
        try await Task.sleep(for: .milliseconds(300))
      }
      let line = try await host.log.line(containing: "CRITICAL worker 1 died: SIGSEGV")
      let before = host.log.lines { $0.number < line.number && $0.contains("INFO  xxxx") }.count
      if before < 100 { try await host.log.line(after: line.number, containing: " of the log of worker 1 ") }
    }
  }

  @Test func `A crash report reaches the log, and nothing else, although a plugin has closed the standard streams`()
    async throws
  {
    try await withHost([.fixture("crashes")]) { host in
      try await self.line(of: "/close", in: host)
      let other = try String(contentsOf: host.directory.appending(path: "stranger"), encoding: .utf8)
      #expect(other.isEmpty)
    }
  }

  @Test func `A crash ends its process although nobody reads the log, and another one serves`() async throws {
    try await withHost([.fixture("crashes")]) { host in
      let connection = try host.connect()
      try await host.log.unread {
        try await connection.send("GET /log-much HTTP/1.1\r\nHost: ambit\r\n\r\n")
        await #expect(throws: (any Error).self) { try await connection.response() }
        #expect(try await host.get("/none").status == 404)
      }
    }
  }

  @Test func `A worker that waits for the reader of the log to report its crash is not ended as one that hangs`()
    async throws
  {
    let configuration = "workers = 1\nthreads = 1\n[limits]\nhang_limit = \"200ms\""
    try await withHost([.fixture("crashes")], configuration: configuration) { host in
      let connection = try host.connect()
      try await host.log.unread {
        try await connection.send("GET /log-much HTTP/1.1\r\nHost: ambit\r\n\r\n")
        await #expect(throws: (any Error).self) { try await connection.response() }
        #expect(try await host.get("/none").status == 404)
      }
      try await host.log.line(containing: "worker 1 died: SIG")
      #expect(host.log.lines { $0.contains("has accepted no connection") }.isEmpty)
    }
  }

  /// In the environment as it is. A worker never has the report of Swift's runtime, so the plugin runs in the host.
  @Test func `A crash report is the last line, in JSON as well, unless the report of Swift's runtime is asked for`()
    async throws
  {
    let configuration = "crash_limit = 1\n[log]\nformat = \"json\""
    try await withHost(
      [.fixture("crashes")], configuration: configuration, isSingle: true, mayCrash: true
    ) { host in
      let notices = host.log.lines { $0.contains("--single has no supervisor") }
      #expect(notices.count == 1 && notices[0].contains("; crash_limit has no effect"), "\(notices)")
      _ = try? await host.get("/handler")
      #expect(await host.child.status == .signalled(SIGSEGV))
      let line = try await host.log.line(containing: #""level":"critical""#)
      #expect(line.contains(#""fault":"plugin","plugin":"crashes/1""#), "\(line)")
      #expect(host.log.lines { $0.number > line.number }.isEmpty)
    }
  }

  @Test func `A crash report is followed by the report of Swift's runtime if that is asked for`() async throws {
    // In a worker it is off, since it would delay the next worker.
    try await withHost(
      [.fixture("crashes")], environment: ["SWIFT_BACKTRACE": "enable=yes"], isSingle: true, mayCrash: true
    ) { host in
      let line = try await self.line(of: "/handler", in: host)
      let other = try await host.log.line(containing: "Program crashed")
      #expect(other.number > line.number)
      #expect(await host.child.status == .signalled(SIGSEGV))
    }
  }

  @Test func `A crash is reported although a plugin has installed a handler of its own, which runs afterwards`()
    async throws
  {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <signal.h>
      #include <unistd.h>
      static int *volatile nowhere;
      static struct sigaction before;
      static void handle(int number, siginfo_t *info, void *context) {
        (void)!write(2, "handled\\n", 8);
        before.sa_sigaction(number, info, context);
      }
      static int32_t start(ambit_scope *plugin) {
        (void)plugin;
        struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        signal(SIGBUS, SIG_DFL);
        return sigaction(SIGSEGV, &action, &before) == 0 ? AMBIT_OK : AMBIT_FAILED;
      }
      static int32_t crash(ambit_scope *scope) { (void)scope; return ambit_respondf(scope, *nowhere, "a", "b"); }
      static int32_t abort_in_c(ambit_scope *scope) { (void)scope; return raise(SIGSEGV); }
      static const ambit_route routes[] = {
        {.pattern = "GET /own", .handler = crash}, {.pattern = "GET /raised", .handler = abort_in_c}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "handles", .routes = routes, .route_count = 2, .start = start};
      """, name: "handles")
    try await withHost([plugin]) { host in
      let notice = try await host.log.line(containing: "has installed a handler for SIGSEGV")
      #expect(notice.contains("NOTICE handles.1.") && notice.field("plugin") == "handles/1", "\(notice)")
      try await host.log.line(containing: "plugin code has reset the handler of SIGBUS")
      _ = try await self.line(of: "/raised", in: host)
      try await host.log.line { $0.text == "handled" }
      try await host.expectNewWorker(afterDeathBy: "SIGSEGV")
      #expect(host.log.lines { $0.contains("SIGSEGV in ") }.count == 1)
    }
    try await withHost([plugin]) { host in
      // A handler of a library may go on after a signal in its own code, as runtimes of languages do.
      let connection = try host.connect()
      try await connection.send("GET /own HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "SIGSEGV at address 0x0")
      #expect(line.contains("WARNING") && line.contains(", left to the handler of handles.1."), "\(line)")
      // This one hands it back.
      try await host.log.line(after: line.number, containing: "CRITICAL worker 1 died: SIGSEGV at 0x0 in crash")
      try await host.expectNewWorker(afterDeathBy: "SIGSEGV")
    }
  }

  @Test func `A crash is reported although a request has reset a signal or installed a handler`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <signal.h>
      static int *volatile nowhere;
      static void handle(int number) { (void)number; }
      static int32_t replace(ambit_scope *scope) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGFPE, handle);
        return ambit_respond(scope, 200, "text/plain", "", 0);
      }
      static int32_t crash(ambit_scope *scope) { (void)scope; return *nowhere; }
      static const ambit_route routes[] = {
        {.pattern = "GET /replace", .handler = replace}, {.pattern = "GET /crash", .handler = crash}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "replacer", .routes = routes, .route_count = 2};
      """, name: "replacer")
    try await withHost([plugin]) { host in
      #expect(try await host.get("/replace").status == 200)
      let reset = try await host.log.line(containing: "plugin code has reset the handler of SIGSEGV; the host has ")
      #expect(reset.contains("WARNING") && reset.contains("; logged at most every 10 s"), "\(reset)")
      let other = try await host.log.line(containing: "has installed a handler for SIGFPE; it runs after the host's")
      #expect(other.contains("NOTICE replacer.1.") && other.field("plugin") == "replacer/1", "\(other)")
      let line = try await self.line(of: "/crash", in: host)
      #expect(line.contains("worker 1 died: SIGSEGV at 0x0 in crash+0x"), "\(line)")
      #expect(line.field("plugin") == "replacer/1" && line.field("fault") == "plugin", "\(line)")
    }
  }

  /// The line about a crash in the route at `path`.
  @discardableResult
  private func line(of path: String, in host: Host) async throws -> LogLine {
    let connection = try host.connect()
    try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    return try await host.log.line { $0.contains("CRITICAL") || $0.contains("\"critical\"") }
  }
}

/// Languages whose failures end in a signal.
@Suite(.disabled(if: Places.isSanitized)) struct `A crash of a language's runtime` {
  @Test func `A C++ exception that nobody catches is reported with the function that throws`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdexcept>
      #include <string>
      static int32_t throws(ambit_scope *scope) {
        return ambit_respondf(scope, 200, "text/plain", "%d", std::stoi("no number"));
      }
      static const ambit_route routes[] = {{.pattern = "GET /throws", .handler = throws}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "thrower", .version = "1",
        .about = "", .routes = routes, .route_count = 1};
      """, name: "thrower", language: "cpp", flags: ["-Wno-missing-field-initializers"])
    try await withHost([plugin]) { host in
      let connection = try host.connect()
      try await connection.send("GET /throws HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "CRITICAL")
      #expect(line.contains("SIGABRT in ") && line.field("plugin") == "thrower/1", "\(line)")
      #expect(line.field("route") == "GET /throws" && line.field("stack")?.contains("throws") == true, "\(line)")
      try await host.expectNewWorker(afterDeathBy: "SIGABRT")
    }
  }

  @Test(.enabled(if: Places.tool("swiftc") != nil)) func `A trap of Swift is reported with the function that traps`()
    async throws
  {
    let entry = """
      #include <ambit.h>
      int32_t trap(ambit_scope *scope);
      static const ambit_route routes[] = {{.pattern = "GET /trap", .handler = trap}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "trapper", .routes = routes, .route_count = 1};
      """
    let code = """
      @_cdecl("trap") public func trap(_ scope: UnsafeMutablePointer<ambit_scope>) -> Int32 {
        fatalError("no moon")
      }
      """
    try await withHost([]) { host in
      try await withTemporaryFolder { directory in
        try directory.write(entry, as: "entry.c")
        try directory.write(code, as: "my.swift")
        let header = Places.headers.appending(path: "ambit.h").filePath
        let commands = [
          ["cc", "-c", "-fPIC", "-I", Places.headers.filePath, "entry.c"],
          ["swiftc", "-O", "-emit-library", "-import-objc-header", header, "my.swift", "entry.o", "-o", "trapper.so"],
        ]
        for words in commands {
          let result = try await run(words[0], Array(words.dropFirst()), in: directory)
          try #require(result.status == .exited(0), "\(result.errors)")
        }
        let library = host.plugins.appending(path: "trapper.so")
        try FileManager.default.moveItem(at: directory.appending(path: "trapper.so"), to: library)
      }
      try await host.reload()
      let connection = try host.connect()
      try await connection.send("GET /trap HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "CRITICAL")
      #expect(line.field("plugin") == "trapper/1" && line.field("route") == "GET /trap", "\(line)")
      #expect(line.field("stack")?.contains(" trap+0x") == true, "\(line)")
    }
  }
}
