import Foundation
import Glibc
import TestSupport
import Testing

/// A start that meets a bad file serves the version that served last, and says so.
@Suite struct `The last good copy` {
  /// A plugin `speaks` whose answer is `text`; its `start` does what `start` says.
  private func speaks(_ text: String, start: String = "return AMBIT_OK;") -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <stdlib.h>
      #include <string.h>
      static int32_t speak(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)\\n"); }
      static int32_t start(ambit_scope *plugin) { (void)plugin; \(start) }
      static const ambit_route routes[] = {{.pattern = "GET /speak", .handler = speak}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .routes = routes,
        .route_count = 1, .start = start};
      """, name: "speaks")
  }

  /// The copies that a host in `directory` has kept.
  private func copies(in directory: URL) throws -> [URL] {
    let folder = directory.appending(path: "state/last-good")
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.filePath)
    return names.filter { $0.hasSuffix(".so") }.map { folder.appending(path: $0) }
  }

  private func generation(_ plugin: String, of host: Host) async throws -> JSONObject {
    try #require(try await host.adminJSON("/status").objects("generations").first { $0.text("plugin") == plugin })
  }

  @Test(arguments: [
    ("cut short", PluginFile.bytes([0x7f, 0x45, 0x4c, 0x46], name: "speaks"), "plugin speaks"),
    ("no library", .bytes(Array("text".utf8), name: "speaks"), "it does not begin with the ELF magic number"),
    (
      "crashes in start",
      .source(
        """
        #include <ambit.h>
        #include <stdlib.h>
        static int32_t start(ambit_scope *plugin) { (void)plugin; abort(); }
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .start = start};
        """, name: "speaks"), "dry run: start called abort (SIGABRT)"
    ),
    (
      "fails in the host alone",
      .source(
        """
        #include <ambit.h>
        static int32_t start(ambit_scope *plugin) {
          if (ambit_extension(plugin, "ambit.dry_run/1") != NULL) return AMBIT_OK;
          return ambit_fail(plugin, AMBIT_FAILED, "live only");
        }
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .start = start};
        """, name: "speaks"), "start returned AMBIT_FAILED: live only"
    ),
  ])
  func `The last good copy serves at a start that meets a bad file, until the file is mended`(
    kind: String, bad: PluginFile, reason: String
  ) async throws {
    try await withHost([speaks("old"), .sample("hello")]) { host in
      try await bad.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      // The second start meets the bad file too: the bad file has not become the last good copy.
      try await host.startAgain { _ in }
      try await host.startAgain { next in
        #expect(try await next.get("/speak").text == "old\n")
        #expect(try await next.get("/hello/World").status == 200)
        let errors = next.log.lines { $0.text.contains(" ERROR ") }.map(\.text)
        #expect(errors.contains { $0.contains(reason) }, "\(errors)")
        #expect(errors.contains { $0.contains("plugin speaks serves its last good copy, because its file is refused") })
        #expect(try await generation("speaks", of: next).texts("last_good_because").joined().contains(reason))
        #expect(try await generation("hello", of: next).texts("last_good_because").isEmpty)
        let status = try await ambit("status", in: next.directory).text
        #expect(status.contains("  last good copy, because its file is refused: plugin speaks"))
        let check = try await ambit("check", in: next.directory)
        #expect(check.status == (kind.hasPrefix("fails in the host") ? .exited(0) : .exited(1)))

        try await speaks("new").install(in: next.plugins)
        #expect(try await next.reload().field("changed") == "1")
        #expect(try await next.get("/speak").text == "new\n")
        #expect(try await generation("speaks", of: next).texts("last_good_because").isEmpty)
        try await next.log.line(containing: "plugin speaks serves its file again in place of its last good copy")
      }
    }
  }

  @Test func `The last good copy is not reported any more once the file has its content again`() async throws {
    try await withHost([speaks("old")]) { host in
      let file = host.plugins.appending(path: "speaks.so")
      let whole = try Data(contentsOf: file)
      try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: host.plugins)
      try await host.startAgain { next in
        try whole.write(to: file, options: .atomic)
        #expect(try await next.reload().field("kept") == "1")
        #expect(try await generation("speaks", of: next).texts("last_good_because").isEmpty)
        try await next.log.line(containing: "plugin speaks serves its file again")
      }
    }
  }

  @Test func `The last good copy of a library of routes serves as well`() async throws {
    @Sendable func library(_ number: String) -> PluginFile { .source("int f(void) { return \(number); }", name: "f") }
    let route = "[[route]]\nmatch = 'GET /f'\ncall = './f.so: i32 f()'\n"
    try await withHost([], configuration: route, libraries: [library("1")]) { host in
      #expect(try await host.get("/f").text.hasPrefix("1"))
      try await PluginFile.bytes(Array("text".utf8), name: "f").install(in: host.directory)
      try await host.startAgain { next in
        #expect(try await next.get("/f").text.hasPrefix("1"))
        try await next.log.line(containing: "library ./f.so serves its last good copy, because its file is refused")
        #expect(try await ambit("check", in: next.directory).status == .exited(1))
        try await library("2").install(in: next.directory)
        #expect(try await next.reload().field("changed") == "1")
        #expect(try await next.get("/f").text.hasPrefix("2"))
      }
    }
  }

  @Test(arguments: [
    "no library",
    "int number(void) { return 2; } __attribute__((constructor)) static void c(void) { *(volatile int *)0 = 1; }",
  ])
  func `The last good copy serves with the libraries that its plugin brought along`(bad: String) async throws {
    try await withHost([]) { host in
      let folder = host.plugins.filePath
      @Sendable func compile(_ text: String, _ arguments: String...) async throws {
        try host.directory.write(text, as: "source.c")
        let source = host.directory.appending(path: "source.c").filePath
        try await Compiler.c.compile(["-shared", "-fPIC", "-I", Places.headers.filePath, source] + arguments)
      }
      mkdir("\(folder)/lib", 0o755)
      try await compile("int number(void) { return 1; }", "-o", "\(folder)/lib/libnumber.so")
      try await compile(
        """
        #include <ambit.h>
        int number(void);
        static int32_t tell(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d\\n", number()); }
        static const ambit_route routes[] = {{.pattern = "GET /tell", .handler = tell}};
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "tells", .routes = routes,
          .route_count = 1};
        """, "-o", "\(folder)/tells.so", "-L", "\(folder)/lib", "-lnumber", "-Wl,-rpath,$ORIGIN/lib")
      #expect(try await host.reload().field("added") == "1")
      #expect(try copies(in: host.directory).count == 2)
      unlink("\(folder)/lib/libnumber.so")
      if bad.hasPrefix("int") {
        try await compile(bad, "-o", "\(folder)/lib/libnumber.so")
      } else {
        try host.plugins.write(bad, as: "lib/libnumber.so")
      }
      try await host.startAgain { next in
        let text = try await next.get("/tell").text
        #expect(text == "1\n")
        try await next.log.line(containing: "plugin tells serves its last good copy, because its file is refused")
      }
    }
  }

  @Test func `The last good copy goes when the file is removed, and a start without either is refused`() async throws {
    try await withHost([speaks("old"), .sample("hello")]) { host in
      #expect(try copies(in: host.directory).count == 2)
      try FileManager.default.removeItem(at: host.plugins.appending(path: "speaks.so"))
      #expect(try await host.reload().field("removed") == "1")
      #expect(try copies(in: host.directory).count == 1)
      try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: host.plugins)
      _ = await host.stop()
      let result = try await ambit("serve", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("plugin speaks") && !result.errors.contains("last good"))
    }
  }

  @Test func `The last good copy is the version before, and the only one, after each reload`() async throws {
    try await withHost([speaks("0")], configuration: "settle = \"0s\"\nprove_time = \"0s\"") { host in
      for number in 1...3 {
        try await speaks("\(number)").install(in: host.plugins)
        try await host.reloadOnRequest()
        #expect(try copies(in: host.directory).count == 1)
      }
      try await PluginFile.bytes([], name: "speaks").install(in: host.plugins)
      try await host.startAgain { next in
        let text = try await next.get("/speak").text
        #expect(text == "3\n")
      }
    }
  }

  @Test func `The last good copy is tried with the present settings`() async throws {
    let picky = "return strcmp(ambit_setting(plugin, \"word\").ptr, \"yes\") == 0 ? AMBIT_OK : AMBIT_FAILED;"
    try await withHost([speaks("old", start: picky)], configuration: "[plugin.speaks]\nword = 'yes'") { host in
      try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: host.plugins)
      try host.configure("[plugin.speaks]\nword = 'no'")
      _ = await host.stop()
      let result = try await ambit("serve", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("it does not begin with the ELF magic number"))
      let refusal = "plugin speaks (Plugins/speaks.so): its last good copy: start returned AMBIT_FAILED"
      #expect(result.errors.contains(refusal))
    }
  }

  @Test(arguments: [
    ("damaged", "is damaged: its SHA-256 differs from its name"),
    ("writable by others", "can be written by everybody"),
  ])
  func `The last good copy is not used if it may belong to another plugin`(kind: String, reason: String) async throws {
    try await withHost([speaks("old")]) { host in
      try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: host.plugins)
      let copy = try #require(try copies(in: host.directory).first)
      if kind == "damaged" {
        let other = try Data(contentsOf: copy) + Data([0])
        try other.write(to: copy)
      } else {
        chmod(copy.filePath, 0o606)
      }
      _ = await host.stop()
      let result = try await ambit("serve", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("its last good copy: ") && result.errors.contains(reason), "\(result.errors)")
    }
  }

  @Test func `The last good copy is made anew by a start that finds it damaged beside a good file`() async throws {
    try await withHost([speaks("old")]) { host in
      try Data("damaged".utf8).write(to: try #require(try copies(in: host.directory).first))
      try await host.startAgain { next in
        try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: next.plugins)
        try await next.startAgain { last in
          let text = try await last.get("/speak").text
          #expect(text == "old\n")
        }
      }
    }
  }

  @Test func `The log promises no previous copy if there is none`() async throws {
    try await withHost([speaks("old")]) { host in
      let state = host.directory.appending(path: "state")
      try FileManager.default.removeItem(at: state)
      try host.directory.write("", as: "state")
      try await host.reload()
      let line = try await host.log.line(containing: "cannot keep a last good copy of plugin speaks: ")
      #expect(line.contains("; if its file is bad at the next start, nothing can serve in its place"), "\(line)")
      try FileManager.default.removeItem(at: state)
      try await host.reload()
      #expect(try copies(in: host.directory).count == 1)
    }
  }

  @Test func `The rights of the host's own files do not depend on the umask that a plugin has set`() async throws {
    let masks = PluginFile.source(
      """
      #include <ambit.h>
      #include <sys/stat.h>
      static int32_t start(ambit_scope *plugin) { (void)plugin; umask(0777); return AMBIT_OK; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "masks", .start = start};
      """, name: "masks")
    try await withHost([masks]) { host in
      try FileManager.default.removeItem(at: host.directory.appending(path: "state"))
      try await speaks("old").install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      for folder in ["private", "state"] {
        let top = host.directory.appending(path: folder)
        for name in try FileManager.default.subpathsOfDirectory(atPath: top.filePath) {
          var status = stat()
          #expect(lstat(top.appending(path: name).filePath, &status) == 0)
          #expect(status.st_mode & 0o600 == 0o600, "\(folder)/\(name): \(String(status.st_mode, radix: 8))")
        }
      }
    }
  }

  @Test func `The last good copy is missing with a warning if no folder can hold it`() async throws {
    try await withHost([speaks("old")], environment: ["STATE_DIRECTORY": "/proc/nowhere"]) { host in
      try await host.log.line {
        $0.contains("WARN") && $0.contains("no last good copies are kept") && $0.contains("/proc/nowhere")
      }
      #expect(try await host.get("/speak").text == "old\n")
    }
  }

  @Test(
    .enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) },
    arguments: [
      ("-o noexec", "lies on a file system mounted noexec"), ("-o ro", "Read-only file system"),
      ("-o size=8k", "cannot keep a last good copy of plugin speaks: "),
    ])
  func `The last good copy is missing with a warning on a file system that cannot take it`(
    options: String, warning: String
  ) async throws {
    try await withTemporaryFolder { directory in
      for folder in ["Plugins", "state"] {
        try FileManager.default.createDirectory(
          at: directory.appending(path: folder), withIntermediateDirectories: true)
      }
      try await speaks("old").install(in: directory.appending(path: "Plugins"))
      try directory.write("listen = ['127.0.0.1:0']\ntrust = 'any'\n", as: "host.conf")
      let script = """
        mount -t tmpfs \(options) none state || exit 9
        "$0" serve 2> log & until grep -q 'serving ' log; do sleep 0.05; done
        kill $!; wait $!; cat log >&2
        """
      let result = try await run("unshare", ["-rm", "bash", "-c", script, Places.ambit.filePath], in: directory)
      #expect(result.errors.contains("WARN") && result.errors.contains(warning), "\(result.errors)")
      #expect(result.errors.contains("stopped"))
    }
  }
}
