import Foundation
import Glibc
import TestSupport
import Testing

/// New code is tried in a child process first. The host survives what the code does there, and names it.
@Suite struct `Dry run` {
  @Test(
    .disabled(if: Places.isSanitized),
    arguments: [
      Mishap("a constructor that crashes", constructor: "raise(SIGSEGV);", "dry run: a constructor crashed: SIGSEGV"),
      Mishap("a constructor that exits", constructor: "exit(3);", "dry run: a constructor called exit(3)"),
      Mishap(
        "a constructor that never returns", constructor: "for (;;) pause();",
        "dry run: did not finish within 3s (in its constructors)"),
      Mishap("a start that crashes", start: "abort();", "dry run: start called abort (SIGABRT)"),
      Mishap("a start that exits", start: "_exit(0);", "dry run: start called exit(0)"),
      Mishap(
        "a start that fails", start: "return ambit_fail(plugin, AMBIT_FAILED, \"no moon\");",
        "start returned AMBIT_FAILED: no moon"),
      Mishap(
        "a start that never returns", start: "for (;;) pause();", "dry run: did not finish within 3s (in start)"),
      Mishap(
        "a start that waits for ever", start: "return ambit_sleep(plugin, AMBIT_SECONDS(3600));",
        "dry run: did not finish within 3s (in start)"),
      Mishap(
        "a start that overflows its stack", start: "return deep(1000000000);", "dry run: start crashed: SIGSEGV"),
      Mishap("a stop that crashes", stop: "raise(SIGBUS);", "dry run: stop, or what start began, crashed: SIGBUS"),
      Mishap(
        "a start that writes to all descriptors", start: "for (int fd = 3; fd < 20; fd++) dprintf(fd, \"%999d\", 1);",
        "dry run: something wrote to the host's own descriptors"),
    ])
  func `A failed dry run names the cause and leaves the last good version serving`(mishap: Mishap) async throws {
    try await withHost([plugin("good"), .sample("hello")]) { host in
      if mishap.errorLine.contains("within 3s") { try host.configure("dry_run_timeout = \"3s\"") }
      try await mishap.plugin.install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("failed") == "1")
      let errorLine = try await host.log.line { $0.contains("ERROR") && $0.contains("my.so") }
      #expect(errorLine.contains(mishap.errorLine), "\(errorLine)")
      #expect(try await host.get("/my").text == "good\n")
      #expect(try await host.get("/hello/World").status == 200)
      #expect(try host.children().isEmpty)

      try host.configure("")
      try await plugin("mended").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/my").text == "mended\n")
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `A failed dry run refuses the start of a host, with each plugin's own reason`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try directory.write("listen = [\"127.0.0.1:0\"]\n", as: "host.conf")
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let crash = Mishap("", constructor: "raise(SIGSEGV);", "")
      try await PluginFile.source(crash.text(named: "first"), name: "first").install(in: folder)
      try await PluginFile.sample("hello").install(in: folder)
      try await PluginFile.source(crash.text(named: "second"), name: "second").install(in: folder)
      for command in ["serve", "check"] {
        let result = try await ambit(command, in: directory)
        #expect(result.status == .exited(1))
        #expect(result.errors.components(separatedBy: "a constructor crashed: SIGSEGV").count == 3)
        #expect(!result.errors.contains("hello.so"))
      }
    }
  }

  @Test(
    .disabled(if: Places.isSanitized),
    arguments: [
      ("one line without an end", "for (;;) dprintf(1, \"%9999d\", 1);"),
      ("short lines", "for (;;) dprintf(1, \"%d\\n\", 1);"),
      ("messages", "for (;;) ambit_log(plugin, AMBIT_INFO, \"x\", 1);"),
    ])
  func `A dry run keeps its time limit, and the log its size, while a plugin writes without end`(
    what: String, start: String
  )
    async throws
  {
    try await withHost([.sample("hello")]) { host in
      try host.configure("dry_run_timeout = \"3s\"")
      let before = try host.memory("VmHWM")
      try await Mishap("", start: start, "").plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "dry run: did not finish within 3s (in start)")
      let written = host.log.all.filter { $0.field("plugin")?.hasSuffix("/dry-run") == true }
      #expect(written.count <= 1001, "\(written.count)")
      #expect(written.count < 1001 || written.last!.contains("wrote more than 1000 lines in its dry run"))
      #expect(written.allSatisfy { $0.text.utf8.count < 9000 })
      #expect(try host.memory("VmHWM") < before + (64 << 20))
    }
  }

  @Test func `A plugin that crashes its dry run leaves the other plugins to a new process`() async throws {
    let crash = Mishap("", start: "raise(SIGSEGV);", "")
    try await withHost([.sample("hello")], configuration: "start = \"lenient\"") { host in
      try await PluginFile.source(crash.text(named: "aa"), name: "aa").install(in: host.plugins)
      try await plugin("good").install(in: host.plugins)
      try await PluginFile.source(crash.text(named: "zz"), name: "zz").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("failed") == "2" && done.field("added") == "1")
      #expect(try await host.get("/my").text == "good\n")
    }
  }

  @Test func `A start that never returns in the live host, but did in the dry run, is tried once`() async throws {
    let start = """
      if (ambit_extension(plugin, "ambit.dry_run/1") != NULL) return AMBIT_OK;
      dprintf(2, "start begins\\n");
      while (access("release", F_OK) != 0) { usleep(10000); }
      """
    try await withHost([plugin("good")], configuration: "dry_run_timeout = \"3s\"") { host in
      try await Mishap("", start: start, "").plugin.install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("failed") == "1")
      try await host.log.line(containing: "plugin my (Plugins/my.so): start has not returned after 4s")
      // On a busy machine a dry run may be too late besides.
      var refusals: [LogLine] = []
      while refusals.count < 2 {
        #expect(try await host.reloadOnRequest().field("failed") == "1")
        refusals = host.log.lines { $0.contains("start has not returned since 20") }
      }
      #expect(refusals.allSatisfy { $0.contains("plugin my (Plugins/my.so)") })
      #expect(host.log.lines { $0.text == "start begins" }.count == 1)
      #expect(try await host.get("/my").text == "good\n")

      try host.directory.write("", as: "release")
      // The thread has to see the file first.
      try await eventually(within: .seconds(30), until: { $0 == "1" }) {
        try await host.reloadOnRequest().field("changed")
      }
      #expect(try await host.get("/my").text == "answer\n")
    }
  }

  @Test func `Constructors that never return in the live host cost their plugin, and the host serves on`()
    async throws
  {
    let stuck = PluginFile.source(
      """
      #include <ambit.h>
      #include <fcntl.h>
      #include <unistd.h>
      __attribute__((constructor)) static void load(void) {
        int first_run = open("dry_run_done", O_CREAT | O_EXCL, 0600);
        while (first_run < 0 && access("release", F_OK) != 0) { usleep(10000); }
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "stuck"};
      """, name: "stuck")
    try await withHost([plugin("good")], configuration: "dry_run_timeout = \"3s\"") { host in
      try await stuck.install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("failed") == "1")
      try await host.log.line(
        containing: "plugin stuck (Plugins/stuck.so): its constructors have not returned after 3s")
      #expect(try await host.get("/my").text == "good\n")

      try FileManager.default.removeItem(at: host.plugins.appending(path: "stuck.so"))
      try await PluginFile.sample("hello").install(in: host.plugins)
      let library = "[[route]]\nmatch = 'GET /abs/{x}'\ncall = 'libc.so.6: i32 abs(i32 x)'"
      try host.configure("dry_run_timeout = \"3s\"\n\(library)")
      #expect(try await host.reloadOnRequest().field("failed") == "2")
      let refusals = try await host.log.lines(2) { $0.contains("the constructors of stuck have not returned since 20") }
      #expect(Set(refusals.map { $0.contains("plugin hello") }) == [true, false])

      try host.directory.write("", as: "release")
      // The thread has to see the file first.
      try await eventually(within: .seconds(30), until: { $0 == "2" }) {
        try await host.reloadOnRequest().field("added")
      }
      #expect(try await host.get("/hello/World").status == 200)
      #expect(try await host.get("/abs/-3").text == "3")
    }
  }

  @Test func `A plugin can tell a dry run from the live host, and the log tells their lines apart`() async throws {
    let start = """
      int dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
      ambit_logf(plugin, AMBIT_INFO, "log dry_run=%d", dry_run);
      dprintf(2, "line dry_run=%d\\n", dry_run);
      return AMBIT_OK;
      """
    try await withHost([Mishap("", start: start, "").plugin]) { host in
      let log = host.log.all
      let lines = log.filter { $0.contains("dry_run=") }
      #expect(lines.filter { $0.contains("dry_run=1") }.count == 2)
      for line in lines {
        let isDryRun = line.field("plugin") == "my/dry-run"
        #expect(line.contains("dry_run=1") == isDryRun, "\(line)")
      }
      #expect(lines.contains { $0.text == "line dry_run=0" })
      #expect(lines.contains { $0.contains("log dry_run=0") && $0.field("plugin") == "my/1" })
    }
  }

  @Test(
    .disabled(if: Places.isSanitized),
    arguments: [
      ("stays where it is", "", "return AMBIT_OK;", "0"),
      ("stays where it is, and start never returns", "", "for (;;) { pause(); }", "1"),
      ("leaves its group, its session and its parent", leaving, "return AMBIT_OK;", "0"),
      ("leaves its group, its session and its parent, and start crashes", leaving, "abort();", "1"),
      ("leaves its group, its session and its parent, and start never returns", leaving, "for (;;) { pause(); }", "1"),
    ])
  func `A dry run ends the processes that the plugin starts, and their children`(
    what: String, detach: String, end: String, failed: String
  ) async throws {
    let start = """
      if (ambit_extension(plugin, "ambit.dry_run/1") == NULL) return AMBIT_OK;
      int ready[2];
      if (pipe(ready) != 0) return AMBIT_FAILED;
      if (fork() == 0) {
        \(detach)
        FILE *note = fopen("forked", "w");
        fprintf(note, "%d", getpid());
        fclose(note);
        if (write(ready[1], "", 1) != 1) _exit(1);
        for (;;) pause();
      }
      char byte;
      if (read(ready[0], &byte, 1) != 1) return AMBIT_FAILED;
      \(end)
      """
    try await withHost([.sample("hello")], configuration: "dry_run_timeout = \"3s\"") { host in
      try await Mishap("", start: start, "").plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == failed)
      let note = try String(contentsOf: host.directory.appending(path: "forked"), encoding: .utf8)
      let pid = try #require(pid_t(note))
      #expect(kill(pid, 0) == -1 && errno == ESRCH, "it is gone before the reload is done")
    }
  }

  /// How a process makes itself independent of the one that started it: daemon(7).
  private static let leaving = "setsid(); if (fork() != 0) _exit(0); setsid();"

  @Test func `A dry run gives way to the host, whose own priority stays as it is`() async throws {
    let start = """
      int dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
      dprintf(2, "dry_run=%d nice=%d\\n", dry_run, nice(0));
      return AMBIT_OK;
      """
    try await withHost([Mishap("", start: start, "").plugin]) { host in
      let own = Int(getpriority(Int32(PRIO_PROCESS.rawValue), id_t(host.child.pid)))
      try await host.log.line { $0.text == "dry_run=0 nice=\(own)" }
      #expect(host.log.all.contains { $0.contains("dry_run=1 nice=\(min(own + 7, 19))") })
    }
  }

  @Test func `A dry run finds the plugin's settings`() async throws {
    let start = """
      ambit_str mood = ambit_setting(plugin, "mood");
      return mood.len == 4 ? AMBIT_OK : ambit_fail(plugin, AMBIT_INVALID, "mood: expected four letters");
      """
    let mishap = Mishap("", start: start, "")
    try await withHost([mishap.plugin], configuration: "[plugin.my]\nmood = \"calm\"") { host in
      try host.configure("[plugin.my]\nmood = \"angry\"")
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "start returned AMBIT_INVALID: mood: expected four letters")
      #expect(try await host.get("/my").status == 200)
    }
  }

  private func plugin(_ answer: String) -> PluginFile {
    .source(Mishap("", "").text(named: "my", answer: answer), name: "my")
  }
}

/// A plugin that does something wrong, and how the host is to put it.
struct Mishap: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let errorLine: String
  private let constructor: String
  private let start: String
  private let stop: String

  init(_ what: String, constructor: String = "", start: String = "", stop: String = "", _ errorLine: String) {
    testDescription = what
    self.constructor = constructor
    self.start = start
    self.stop = stop
    self.errorLine = errorLine
  }

  var plugin: PluginFile { .source(text(named: "my"), name: "my") }

  /// A plugin that answers `GET /NAME` with one line.
  func text(named name: String, answer: String = "answer") -> String {
    """
    #include <ambit.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <unistd.h>
    \(constructor.isEmpty ? "" : "__attribute__((constructor)) static void construct(void) { \(constructor) }")
    __attribute__((unused)) static int deep(volatile int left) { return left == 0 ? 0 : deep(left - 1) + left; }
    static int32_t start(ambit_scope *plugin) { (void)plugin; \(start) return AMBIT_OK; }
    static void stop(ambit_scope *plugin) { (void)plugin; \(stop) }
    static int32_t answer(ambit_scope *scope) {
      return ambit_respondf(scope, 200, "text/plain", "\(answer)\\n");
    }
    static const ambit_route routes[] = {{.pattern = "GET /\(name)", .handler = answer}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "\(name)", .routes = routes,
      .route_count = 1, .start = start, .stop = stop};
    """
  }
}
