import Foundation
import Glibc
import TestSupport
import Testing

/// Libraries whose functions `host.conf` makes routes of are loaded as plugins are: tried in a child process, copied,
/// and replaced by a new generation.
@Suite struct `A library of routes` {
  @Test(
    .disabled(if: Places.isSanitized),
    arguments: [
      ("abort();", "dry run: a constructor called abort (SIGABRT)"),
      ("exit(3);", "dry run: a constructor called exit(3)"),
      ("raise(SIGSEGV);", "dry run: a constructor crashed: SIGSEGV"),
      ("for (;;) pause();", "dry run: did not finish within 3s (in its constructors)"),
    ])
  func `A library whose constructor ends the process is refused, and the host serves on`(code: String, reason: String)
    async throws
  {
    try await withHost([.sample("hello")], configuration: "dry_run_timeout = \"3s\"\n") { host in
      try await library(1, constructor: code).install(in: host.directory)
      try host.configure("dry_run_timeout = \"3s\"\n\n\n\n" + route)
      #expect(try await host.reload().field("failed") == "1")
      let line = "host.conf:9: library ./f.so: \(reason)"
      try await host.log.line { $0.contains("ERROR") && $0.contains(line) }
      #expect(try await host.get("/hello/World").status == 200)
      let check = try await ambit("check", in: host.directory)
      #expect(check.status == .exited(1))
      #expect(check.errorLines.contains { $0.hasPrefix("error: \(line)") }, "\(check.errors)")
    }
  }

  @Test func `A library whose constructor never returns in the live host blocks nothing else`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      int own(void) { return 3; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "own"};
      """, name: "own")
    let others = route("/own", "own: i32 own()") + route("/abs/{x}", "libc.so.6: i32 abs(i32 x)")
    let hangs = "if (open(\"tried\", O_CREAT | O_EXCL, 0600) < 0) for (;;) pause();"
    try await withHost([plugin], configuration: others) { host in
      try await library(1, constructor: hangs).install(in: host.directory)
      try host.configure("dry_run_timeout = \"3s\"\n" + others + route)
      for _ in 0..<2 {
        let done = try await host.reloadOnRequest()
        #expect(done.field("failed") == "1" && done.field("kept") == "2", "\(done)")
      }
      try await host.log.line(containing: "library ./f.so: its constructors have not returned after 3s")
      try await host.log.line(containing: "the constructors of ./f.so have not returned since 20")
      #expect(try await host.adminJSON("/status").objects("generations").count == 2)
      #expect(try await host.get("/own").text == "3")
      #expect(try await host.get("/abs/-4").text == "4")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A library that is cut short is refused, and its last good version serves on`() async throws {
    try await withHost([], configuration: "settle = \"0s\"\n" + route, libraries: [library(1)]) { host in
      let file = host.directory.appending(path: "f.so")
      let whole = try Data(contentsOf: file)
      for length in [0, 63, 500, 9000, whole.count - 1] {
        try whole.prefix(length).write(to: file, options: .atomic)
        let position = host.log.position
        #expect(try await host.reloadOnRequest().field("failed") == "1", "cut off at \(length)")
        let errorLine = try await host.log.line(after: position) { $0.contains("library ./f.so: ") }
        #expect(errorLine.contains(length == 0 ? "the file is empty" : "cut short"), "\(errorLine)")
        #expect(try await host.get("/f").text == "1")
      }
      try whole.write(to: file, options: .atomic)
      #expect(try await host.reloadOnRequest().field("kept") == "1")
    }
  }

  @Test func `A library that was replaced answers with its new code, as a new generation`() async throws {
    try await withHost([], configuration: route, libraries: [library(1)]) { host in
      #expect(try await host.get("/f").text == "1")
      try await library(2).install(in: host.directory)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.text.split(separator: "\n").first == "changed  f.so/2  ./f.so", "\(reload.text)")
      #expect(try await host.get("/f").text == "2")
      let generations = try await host.adminJSON("/status").objects("generations")
      let status = try #require(generations.first { $0.text("plugin") == "./f.so" && $0.text("state") == "serving" })
      #expect(status.text("generation") == "f.so/2")
      #expect(status.text("sha256") != nil)
    }
  }

  @Test func `A library that is overwritten in place does not end the host, and has its new code after a reload`()
    async throws
  {
    try await withHost([], configuration: route, libraries: [library(1)]) { host in
      let file = host.directory.appending(path: "f.so").filePath
      try await library(2).install(in: host.plugins)
      let new = try Data(contentsOf: host.plugins.appending(path: "f.so"))
      unlink(host.plugins.appending(path: "f.so").filePath)
      truncate(file, 0)
      #expect(try await host.get("/f").text == "1")
      let handle = try #require(FileHandle(forWritingAtPath: file))
      try handle.write(contentsOf: new)
      try handle.close()
      #expect(try await host.get("/f").text == "1")
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/f").text == "2")
    }
  }

  @Test func `A library whose new version lacks a function is refused with the place of its route`() async throws {
    try await withHost([], configuration: route, libraries: [library(1)]) { host in
      let other = PluginFile.source("int other(void); int other(void) { return 2; }", name: "f")
      try await other.install(in: host.directory)
      #expect(try await host.reload().field("failed") == "1")
      let line = try await host.log.line(containing: "expected a function f in it, found none of that name")
      #expect(line.contains("library ./f.so: host.conf:5:1: route[0].call"), "\(line)")
      #expect(try await host.get("/f").text == "1")
    }
  }

  @Test func `A library keeps its variables when only its routes change`() async throws {
    try await withHost([], configuration: route("/count", "./f.so: i32 count()"), libraries: [counting]) { host in
      #expect(try await host.get("/count").text == "1")
      try host.configure(route("/count", "./f.so: i32 count()") + route("/more", "./f.so: i32 count()"))
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/more").text == "2")
      #expect(try await host.get("/count").text == "3")
    }
  }

  @Test func `A library is one library under all its names`() async throws {
    let routes = route("/count", "./f.so: i32 count()") + route("/link", "./link.so: i32 count()")
    try await withHost([], libraries: [counting]) { host in
      symlink("f.so", host.directory.appending(path: "link.so").filePath)
      try host.configure(routes)
      #expect(try await host.reload().field("added") == "2")
      #expect(try await host.get("/count").text == "1")
      #expect(try await host.get("/link").text == "2")
    }
  }

  @Test func `A library may have the name and the content of a plugin`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      int f(void) { return 1; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "f"};
      """, name: "f")
    try await withHost([plugin]) { host in
      try host.configure(route("/f", "./Plugins/f.so: i32 f()") + route("/own", "f: i32 f()"))
      let done = try await host.reload()
      #expect(done.field("added") == "1" && done.field("changed") == "1" && done.field("failed") == "0")
      #expect(try await host.get("/f").text == "1")
      #expect(try await host.get("/own").text == "1")
      #expect(try await host.reload().field("kept") == "2")
    }
  }

  @Test func `A library that is optional is left out only if it does not exist`() async throws {
    try await withHost([], configuration: route("/f", "./f.so: i32 f()", "optional = true")) { host in
      try await host.log.line { $0.contains("NOTICE") && $0.contains("library ./f.so: cannot open") }
      try host.directory.write("no library", as: "f.so")
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line { $0.contains("ERROR host.conf:5: library ./f.so: not a shared library") }
      try await library(1).install(in: host.directory)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/f").text == "1")
    }
  }

  @Test func `A library that others can write is refused`() async throws {
    try await withHost([]) { host in
      try await library(1).install(in: host.directory)
      chmod(host.directory.appending(path: "f.so").filePath, 0o666)
      try host.configure(route)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "everybody (mode 666)")
      try host.configure("trust = \"any\"\n" + route)
      #expect(try await host.reload().field("added") == "1")
    }
  }

  @Test func `A library of the system is used in place, and a reload says so`() async throws {
    let routes =
      route("/abs/{x}", "libc.so.6: i32 abs(i32 x)")
      + route("/crc", "libz.so.1: u64 crc32(u64 0, bytes body, u32 len(body))")
    try await withHost([], configuration: routes) { host in
      let reload = try await ambit("reload", in: host.directory)
      #expect(
        reload.text.split(separator: "\n").dropLast() == [
          "kept  libz.so.1/1  libz.so.1",
          "in use  libc.so.6 (used by the host; a new version takes effect at a reload, in new workers)",
        ])
      #expect(reload.text.contains("0 added, 0 changed, 2 kept, 0 removed, 0 failed"))
      let plugins = try await host.adminJSON("/reload", "-X", "POST").objects("plugins")
      let libc = try #require(plugins.first { $0.text("file") == "libc.so.6" })
      #expect(libc.text("in_use") == "used by the host; a new version takes effect at a reload, in new workers")
      #expect(plugins.contains { $0.text("file") == "libz.so.1" && $0.text("in_use") == nil })
      let mapped = try host.maps().split(separator: "\n").filter { $0.contains("libc.so.6") || $0.contains("libz.so") }
      #expect(mapped.contains { $0.contains("/libz.so.1.1.") && $0.contains("/private/ambit-host-") })
      #expect(!mapped.contains { $0.contains("libc.so.6") && $0.contains("/private/") })
      #expect(!mapped.contains { $0.contains("libz") && !$0.contains("/private/") })
    }
  }

  @Test func `A library that a plugin is linked with is used as the loader has it`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      const char *zlibVersion(void);
      const char *version(void);
      const char *version(void) { return zlibVersion(); }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "linked"};
      """, name: "linked", flags: ["-Wl,--no-as-needed", "-l:libz.so.1"])
    try await withHost([plugin]) { host in
      try host.configure(route("/version", "libz.so.1: str zlibVersion()"))
      #expect(try await host.reload().field("added") == "1")
      let reload = try await ambit("reload", in: host.directory)
      let reason = "already loaded for another library or plugin; a new version takes effect at a reload, in new workers"
      #expect(reload.text.contains("in use  libz.so.1 (\(reason))\n"), "\(reload.text)")
    }
  }

  @Test func `A library that is used in place and was replaced is named by the reload`() async throws {
    try await withTemporaryFolder { folder in
      try await library(1).install(in: folder)
      let flags = ["-Wl,--no-as-needed", "-L", folder.filePath, "-l:f.so"]
      let plugin = PluginFile.source(
        """
        #include <ambit.h>
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "linked"};
        """, name: "linked", flags: flags)
      try await withHost([plugin], environment: ["LD_LIBRARY_PATH": folder.filePath], isSingle: true) { host in
        try host.configure(route("/f", "f.so: i32 f()"))
        #expect(try await host.reload().field("added") == "1")
        #expect(try await host.get("/f").text == "1")
        try await library(2).install(in: folder)
        let reload = try await ambit("reload", in: host.directory)
        let reason = "its file was replaced, and the new version takes effect at the next start"
        let line = "in use  f.so (already loaded for another library or plugin; \(reason))"
        #expect(reload.text.contains(line), "\(reload.text)")
        let note = "linked with f.so, found at \(folder.filePath)/f.so, but an older version of it is loaded"
        #expect(reload.text.contains("  \(note) under this name and stays in use: restart the host"), "\(reload.text)")
        try await host.log.line { $0.contains("WARNING library f.so is used in place: ") && $0.contains(reason) }
        #expect(try await host.get("/f").text == "1")
      }
    }
  }

  @Test func `A second copy of the C library is refused as a library of routes`() async throws {
    try await withHost([]) { host in
      let maps = try host.maps().split(separator: "\n")
      let path = try #require(maps.first { $0.hasSuffix("/libc.so.6") }?.split(separator: " ").last)
      let file = host.directory.appending(path: "f.so")
      try Data(contentsOf: URL(filePath: String(path))).write(to: file)
      chmod(file.filePath, 0o644)
      try host.configure(route("/abs/{x}", "./f.so: i32 abs(i32 x)"))
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "library ./f.so: its SONAME is libc.so.6: a process can have only one")
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `A library that is known by its name alone is looked for where the loader looks`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: false)
      try await library(1, constructor: "abort();").install(in: directory)
      try directory.write(route("/f", "f.so: i32 f()"), as: "host.conf")
      let absent = try await ambit("check", in: directory)
      let absence = "cannot open shared object file: No such file or directory"
      #expect(absent.errors == "error: host.conf:3: library f.so: \(absence)\n")
      let found = try await run(
        Places.ambit.filePath, ["check"], in: directory, environment: ["LD_LIBRARY_PATH": directory.filePath])
      #expect(
        found.errors == "error: host.conf:3: library f.so: dry run: a constructor called abort (SIGABRT)\n")
      try directory.write("no library", as: "f.so")
      let bad = try await run(
        Places.ambit.filePath, ["check"], in: directory, environment: ["LD_LIBRARY_PATH": directory.filePath])
      let reason = "\(directory.filePath)/f.so: not a shared library: it does not begin with the ELF magic number"
      #expect(bad.errors == "error: host.conf:3: library f.so: \(reason)\n")
    }
  }

  @Test(arguments: [
    (
      "/* GNU ld script */\nGROUP ( /lib/libm.so.6 AS_NEEDED ( libmvec.so.1 ) )",
      "but a linker script, a text that only the linker reads; take the library that it names: libm.so.6"
    ),
    ("!<arch>\n", "but a static library (an archive of object files); link it into a shared one: cc -shared"),
    ("version https://git-lfs.github.com/spec/v1", "but a pointer of Git LFS; fetch the file with git lfs pull"),
  ])
  func `A file in place of a library is refused as what it is, with its path`(text: String, kind: String) async throws {
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: false)
      try directory.write(text, as: "f.so")
      try directory.write(text, as: "Plugins/g.so")
      try directory.write(route("/f", "f.so: i32 f()"), as: "host.conf")
      let check = try await run(
        Places.ambit.filePath, ["check"], in: directory, environment: ["LD_LIBRARY_PATH": directory.filePath])
      let place = "error: host.conf:3: library f.so: \(directory.filePath)/f.so"
      #expect(check.errors.contains("\(place): not a shared library \(kind)"), "\(check.errors)")
      #expect(check.errors.contains("Plugins/g.so): not a shared library \(kind)"), "\(check.errors)")
    }
  }

  private var route: String { route("/f", "./f.so: i32 f()") }

  /// A `[[route]]` entry, whose `call` is its third line.
  private func route(_ path: String, _ call: String, _ more: String = "") -> String {
    "[[route]]\nmatch = \"* \(path)\"\ncall = \"\(call)\"\n\(more)\n"
  }

  /// A library whose function answers with a number.
  private func library(_ number: Int, constructor: String = "") -> PluginFile {
    .source(
      """
      #include <fcntl.h>
      #include <signal.h>
      #include <stdlib.h>
      #include <unistd.h>
      \(constructor.isEmpty ? "" : "__attribute__((constructor)) static void construct(void) { \(constructor) }")
      int f(void);
      int f(void) { return \(number); }
      """, name: "f")
  }

  private var counting: PluginFile {
    .source("int count(void); int count(void) { static int calls; return ++calls; }", name: "f")
  }
}
