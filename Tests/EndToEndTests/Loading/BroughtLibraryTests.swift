import Foundation
import Glibc
import TestSupport
import Testing

/// A library that a plugin is linked with, and that its RUNPATH finds beside the plugin's file.
@Suite struct `A library that a plugin brings along` {
  @Test(arguments: [
    ("$ORIGIN/lib", "Plugins/lib", []), ("$ORIGIN/lib", "Plugins/lib", ["-Wl,-soname,libhelper.so"]),
    ("/nowhere:${ORIGIN}/../lib/", "lib", []), ("$ORIGIN/lib", "Plugins/lib", ["-Wl,-soname,libhelper.so.1"]),
  ])
  func `A library that a plugin brings along is found where the operator's file lies`(
    runPath: String, folder: String, flags: [String]
  ) async throws {
    try await withHost([]) { host in
      let place = try made(folder, in: host)
      try await helper(1, flags).install(in: place)
      symlink("libhelper.so", place.appending(path: "libhelper.so.1").filePath)
      try await plugin(in: host, runPath: runPath, folder: folder).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/my").text == "1")
      let mapped = try host.maps().split(separator: "\n").filter { $0.contains("libhelper") }
      #expect(!mapped.isEmpty && mapped.allSatisfy { $0.contains("/private/ambit-host-") })
      #expect(try await host.reload().field("kept") == "1")
      let inspection = try await ambit("inspect", host.plugins.appending(path: "my.so").filePath)
      #expect(inspection.status == .exited(0), "\(inspection.text)\(inspection.errors)")
      #expect(try await ambit("check", in: host.directory).status == .exited(0))
    }
  }

  @Test func `A library that a plugin brings along may bring along others itself`() async throws {
    try await withHost([]) { host in
      let (outer, inner) = (try made("Plugins/lib", in: host), try made("Plugins/lib/inner", in: host))
      try await PluginFile.source("int inner(void); int inner(void) { return 7; }", name: "libinner").install(in: inner)
      try await PluginFile.source(
        "int inner(void); int helper(void); int helper(void) { return inner(); }", name: "libhelper",
        flags: linking("inner", in: inner, runPath: "$ORIGIN/inner")
      ).install(in: outer)
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/my").text == "7")
    }
  }

  @Test func `A library that a plugin brings along is copied again when somebody has removed the private copies`()
    async throws
  {
    try await withHost([]) { host in
      try await helper(1).install(in: made("Plugins/lib", in: host))
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      let copies = host.directory.appending(path: "private")
      for folder in try FileManager.default.contentsOfDirectory(at: copies, includingPropertiesForKeys: nil) {
        try FileManager.default.removeItem(at: folder)
      }
      #expect(try await host.reloadOnRequest().field("kept") == "1")
      try host.configure("threads = 1\n[plugin.my]\nprefix = '/v2'")
      #expect(try await host.reloadOnRequest().field("changed") == "1", "\(host.log.text)")
      #expect(try await host.get("/v2/my").text == "1")
    }
  }

  @Test func `A library that a plugin brings along may be overwritten while it is in use`() async throws {
    try await withHost([]) { host in
      let folder = try made("Plugins/lib", in: host)
      try await helper(1).install(in: folder)
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      truncate(folder.appending(path: "libhelper.so").filePath, 0)
      #expect(try await host.get("/my").text == "1")
      #expect(try await host.reload().field("failed") == "1")
      let line = try await host.log.line(containing: "Plugins/lib/libhelper.so: the file is empty")
      #expect(line.contains("plugin my (Plugins/my.so): its library "), "\(line)")
      #expect(try await host.get("/my").text == "1")
    }
  }

  @Test func `A library is named if an older version of it stays in use, until the host is restarted`() async throws {
    // Workers are replaced instead: see `New workers for new versions of libraries`.
    try await withHost([], isSingle: true) { host in
      let folder = try made("Plugins/lib", in: host)
      try await helper(1).install(in: folder)
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      try await helper(2).install(in: folder)
      for _ in 0..<2 {
        let reload = try await ambit("reload", in: host.directory)
        let note = try #require(reload.text.split(separator: "\n").dropFirst().first)
        #expect(
          note == "  linked with libhelper.so, found at \(folder.filePath)/libhelper.so, but an older version of it is "
            + "loaded under this name and stays in use: restart the host")
        #expect(reload.status == .exited(0))
      }
      try await host.log.line { $0.contains("WARNING Plugins/my.so: linked with libhelper.so, found at ") }
      let change = try #require(await host.adminJSON("/reload", "-X", "POST").objects("plugins").first)
      #expect(change.text("change") == "kept" && change.texts("notes").count == 1)
      #expect(try await host.get("/my").text == "1")
      let check = try await ambit("check", in: host.directory)
      #expect(check.status == .exited(0) && check.errors.isEmpty, "a new host would use the new one: \(check.errors)")
    }
  }

  @Test func `A library is named if another of the same name is used instead, at the start as well`() async throws {
    try await withTemporaryFolder { directory in
      let plugins = directory.appending(path: "Plugins")
      for (name, number) in [("aa", 1), ("bb", 2)] {
        let folder = plugins.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await helper(number).install(in: folder)
        try await plugin(name, linking: folder, runPath: "$ORIGIN/\(name)").install(in: plugins)
      }
      try directory.write("listen = [\"127.0.0.1:0\"]\n", as: "host.conf")
      let note =
        "Plugins/bb.so: linked with libhelper.so, found at \(plugins.filePath)/bb/libhelper.so, but another library is "
        + "loaded under this name, from \(plugins.filePath)/aa/libhelper.so, and is used: give one of them another name"
      let check = try await ambit("check", in: directory)
      #expect(check.status == .exited(0) && check.errors == "notice: \(note)\n", "\(check.errors)")
    }
  }

  @Test func `A plugin whose library was removed is not loaded anew, and its last good version serves`() async throws {
    try await withHost([]) { host in
      let folder = try made("Plugins/lib", in: host)
      try await helper(1).install(in: folder)
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      unlink(folder.appending(path: "libhelper.so").filePath)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "libhelper.so: cannot open shared object file: No such file or directory")
      #expect(try await host.get("/my").text == "1")
    }
  }

  @Test(.disabled(if: Places.isSanitized)) func `A library that a plugin brings along is tried in the dry run`()
    async throws
  {
    try await withHost([.sample("hello")]) { host in
      let code = "#include <stdlib.h>\n__attribute__((constructor)) static void begin(void) { abort(); }\n"
      let source = "\(code)int helper(void); int helper(void) { return 1; }"
      try await PluginFile.source(source, name: "libhelper").install(in: try made("Plugins/lib", in: host))
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "plugin my (Plugins/my.so): dry run: a constructor called abort (SIGABRT)")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A library that a plugin brings along is the same that a route calls`() async throws {
    try await withHost([]) { host in
      let source = "int helper(void); int helper(void) { static int calls; return ++calls; }"
      try await PluginFile.source(source, name: "libhelper").install(in: try made("Plugins/lib", in: host))
      try await plugin(in: host).install(in: host.plugins)
      try host.configure("[[route]]\nmatch = \"* /own\"\ncall = \"./Plugins/lib/libhelper.so: i32 helper()\"")
      #expect(try await host.reload().field("added") == "2")
      #expect(try await host.get("/my").text == "1")
      #expect(try await host.get("/own").text == "2")
    }
  }

  @Test func `A library of routes may bring along a library too`() async throws {
    try await withHost([]) { host in
      let folder = try made("lib", in: host)
      try await helper(5).install(in: folder)
      try await PluginFile.source(
        "int helper(void); int f(void); int f(void) { return helper() + 1; }", name: "f",
        flags: linking("helper", in: folder, runPath: "$ORIGIN/lib")
      ).install(in: host.directory)
      try host.configure("[[route]]\nmatch = \"* /f\"\ncall = \"./f.so: i32 f()\"")
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/f").text == "6")
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `A crash on a thread of a library is blamed on the plugin that brings it along, unless others do as well`()
    async throws
  {
    try await withHost([], configuration: "threads = 1\ncrash_window = \"1s\"\ncrash_limit = 1000") { host in
      let source = """
        #include <pthread.h>
        static int *volatile nowhere;
        static void *run_thread(void *argument) { *nowhere = 1; return argument; }
        int helper(void);
        int helper(void) {
          pthread_t thread;
          return pthread_create(&thread, 0, run_thread, 0);
        }
        """
      try await PluginFile.source(source, name: "libhelper").install(in: try made("Plugins/lib", in: host))
      try await plugin(in: host).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      _ = try? await host.get("/my")
      var line = try await host.log.line(containing: "worker 1 died: SIGSEGV at 0x0 in run_thread+0x")
      #expect(line.field("plugin") == "my/1" && line.field("work") == "thread", "\(line)")
      line = try await host.log.line(after: line.number, containing: "worker 1 serves again")

      let folder = host.directory.appending(path: "Plugins/lib")
      try await plugin("other", linking: folder, runPath: "$ORIGIN/lib").install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      _ = try? await host.get("/other")
      line = try await host.log.line(after: line.number, containing: "worker 1 died: SIGSEGV at 0x0 in run_thread+0x")
      #expect(line.field("plugin") == nil, "\(line)")
    }
  }

  private func made(_ folder: String, in host: Host) throws -> URL {
    let url = host.directory.appending(path: folder)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  private func helper(_ number: Int, _ flags: [String] = []) -> PluginFile {
    .source("int helper(void); int helper(void) { return \(number); }", name: "libhelper", flags: flags)
  }

  private func linking(_ name: String, in folder: URL, runPath: String) -> [String] {
    ["-Wl,--no-as-needed", "-L", folder.filePath, "-l\(name)", "-Wl,--enable-new-dtags,-rpath,\(runPath)"]
  }

  /// A plugin that answers `GET /my` with what `helper` returns.
  private func plugin(in host: Host, runPath: String = "$ORIGIN/lib", folder: String = "Plugins/lib") -> PluginFile {
    plugin("my", linking: host.directory.appending(path: folder), runPath: runPath)
  }

  private func plugin(_ name: String, linking folder: URL, runPath: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      int helper(void);
      static int32_t answer(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d", helper()); }
      static const ambit_route routes[] = {{.pattern = "GET /\(name)", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "\(name)", .routes = routes, .route_count = 1};
      """, name: name, flags: linking("helper", in: folder, runPath: runPath))
  }
}
