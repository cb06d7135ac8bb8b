import Foundation
import TestSupport
import Testing

/// Routes that `host.conf` makes of C functions of plugins and of libraries that know nothing of the host.
@Suite struct `Configured routes to C functions` {
  @Test func `Functions of the system's libraries are found by the loader's search`() async throws {
    let configuration = """
      [[route]]
      match = "GET /pow/{x}/{y}"
      call = "libm.so.6: f64 pow(f64 x, f64 y)"
      [[route]]
      match = "GET /length"
      call = "libc.so.6: size strlen(str text)"
      content_type = "text/x-number"
      """
    try await withHost([], configuration: configuration) { host in
      let power = try await host.get("/pow/2/10")
      #expect(power.text == "1024.0")
      let length = try await host.get("/length?text=seven")
      #expect(length.text == "5")
      #expect(length["Content-Type"] == "text/x-number")
      let added = try await host.log.line(containing: "library added plugin=libm.so.6/1")
      #expect(added.field("routes") == "1")
      #expect(try await host.log.line(containing: "serving").field("plugins") == "0")
    }
  }

  @Test func `Configured functions run on a pool thread unless the operator says otherwise, and finish on request`()
    async throws
  {
    try await withHost([]) { host in
      try await foreign.install(in: host.directory)
      try host.configure(
        route("GET /usual", "./foreign.so: str where()")
          + route("GET /loop", "./foreign.so: str where()", "blocking = false\nserial = false"))
      try await host.reload()
      let usual = try await host.get("/usual")
      #expect(usual.text == "ambit-pool")
      let loop = try await host.get("/loop")
      #expect(loop.text != "ambit-pool" && loop.status == 200)
    }
  }

  @Test func `Configured routes to a function of a plugin belong to the plugin, and follow its reload`() async throws {
    try await withHost([version(1)], configuration: route("GET /answer", "answers: i32 answer(i32 x)")) { host in
      #expect(try await host.get("/answer?x=1").text == "2")
      try await version(10).install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/answer?x=1").text == "11")
      try await host.log.line(containing: "plugin changed plugin=answers/2")
    }
  }

  @Test func `A new version of a plugin that lacks the function of a configured route is refused`() async throws {
    try await withHost([version(1)], configuration: route("GET /answer", "answers: i32 answer(i32 x)")) { host in
      try await PluginFile.source(plugin("int32_t other(int32_t x) { return x; }"), name: "answers")
        .install(in: host.plugins)
      try await host.reload()
      let line = try await host.log.line(containing: "expected a function answer in it, found none of that name")
      #expect(line.contains("plugin answers (Plugins/answers.so): "), "\(line)")
      #expect(line.contains("route[0].call"), "\(line)")
      #expect(try await host.get("/answer?x=1").text == "2")
    }
  }

  @Test func `Configured routes are changed, kept and removed with the configuration`() async throws {
    try await withHost([], configuration: route("GET /cos/{x}", "libm.so.6: f64 cos(f64 x)")) { host in
      try host.configure(
        route("GET /cos/{x}", "libm.so.6: f64 cos(f64 x)") + route("GET /abs/{x}", "libc.so.6: i32 abs(i32 x)"))
      let added = try await host.reload()
      #expect(added.field("added") == "1" && added.field("kept") == "1")
      #expect(try await host.get("/abs/-3").text == "3")
      try host.configure(route("GET /cos/{x}", "libm.so.6: f64 sin(f64 x)"))
      let changed = try await host.reload()
      #expect(changed.field("changed") == "1" && changed.field("removed") == "1")
      #expect(try await host.get("/cos/0").text == "0.0")
      #expect(try await host.get("/abs/-3").status == 404)
      try await host.log.line(containing: "library generation retired plugin=libm.so.6/1")
    }
  }

  @Test func `A call that does not parse refuses the reload with the place in the call, and nothing changes`()
    async throws
  {
    try await withHost([], configuration: route("GET /cos/{x}", "libm.so.6: f64 cos(f64 x)")) { host in
      try host.configure(route("GET /cos/{x}", "libm.so.6: f64 sin(f46 x)"))
      host.child.signal(SIGHUP)
      let line = try await host.log.line(containing: "route[0].call:1:20: unknown type `f46`; did you mean `f64`?")
      #expect(line.contains("host.conf:"))
      try await host.log.line(containing: "reload refused, nothing has changed")
      #expect(try await host.get("/cos/0").text == "1.0")
    }
  }

  @Test(arguments: [
    ("libnope.so.9: i32 f()", "library libnope.so.9: cannot open shared object file: No such file or directory"),
    (
      "libgcc_s.so: i32 f()",
      "library libgcc_s.so: cannot open shared object file: No such file or directory; "
        + "did you mean libgcc_s.so.1?"
    ),
    ("libc.so.6: i32 nope()", "expected a function nope in it, found none of that name"),
    ("libc.so.6: i32 environ()", "expected a function environ in it, found a variable"),
    ("nobody: i32 f()", "plugin nobody (host.conf:"),
  ])
  func `A configured route whose function does not exist refuses the start`(call: String, reason: String) async throws {
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: false)
      try directory.write("listen = [\"127.0.0.1:0\"]\n" + route("GET /f", call), as: "host.conf")
      for command in ["serve", "check"] {
        let result = try await ambit(command, in: directory)
        #expect(result.status == .exited(1))
        #expect(result.errors.contains(reason), "\(result.errors)")
      }
    }
  }

  @Test func `A configured route to an optional library that is absent is left out with a notice`() async throws {
    let routes =
      route("GET /f", "libnope.so.9: i32 f()", "optional = true") + route("GET /abs/{x}", "libc.so.6: i32 abs(i32 x)")
    try await withHost([], configuration: routes) { host in
      let notice = try await host.log.line(containing: "libnope.so.9: cannot open shared object file")
      #expect(notice.contains("NOTICE") && notice.contains("its routes are optional and are left out"), "\(notice)")
      #expect(try await host.get("/f").status == 404)
      #expect(try await host.get("/abs/-1").text == "1")
    }
  }

  @Test func `A configured route that another one already has is refused, and both are named`() async throws {
    try await withHost([.sample("hello")]) { host in
      try host.configure(route("GET /hello/{other}", "libc.so.6: i32 abs(i32 other)"))
      let done = try await host.reload()
      #expect(done.field("failed") == "1")
      let line = try await host.log.line(containing: "answers the same requests as")
      let sentence =
        "library libc.so.6: host.conf:6:1: route[0].call: route GET /hello/{other} answers the same requests as "
        + "GET /hello/{name} of plugin hello (Plugins/hello.so)"
      #expect(line.contains(sentence), "\(line)")
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
    }
  }

  @Test func `A configured route that conflicts with a new plugin is named with its place, as it is now`() async throws
  {
    let call = route("GET /hello/{other}", "libc.so.6: i32 abs(i32 other)")
    try await withHost([], configuration: call) { host in
      try host.configure("\n\n" + call)
      try await PluginFile.sample("hello").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("kept") == "1" && done.field("failed") == "1")
      let line = try await host.log.line(containing: "answers the same requests as")
      #expect(line.contains("plugin hello (Plugins/hello.so): route GET /hello/{name} "), "\(line)")
      #expect(line.contains("GET /hello/{other} of library libc.so.6 (host.conf:7:1: route[0].call)"), "\(line)")
    }
  }

  @Test func `A plugin that has a configured route to its function itself is refused`() async throws {
    let answers = PluginFile.source(
      """
      #include <ambit.h>
      int32_t answer(int32_t x) { return x; }
      static int32_t handler(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "", 0); }
      static const ambit_route routes[] = {{.pattern = "GET /answer", .handler = handler}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "answers", .routes = routes, .route_count = 1};
      """, name: "answers")
    try await withHost([]) { host in
      try await answers.install(in: host.plugins)
      try host.configure(route("GET /answer", "answers: i32 answer(i32 x)"))
      try await host.reload()
      let line = try await host.log.line(containing: "answers the same requests as")
      let sentence =
        "plugin answers (Plugins/answers.so): host.conf:6:1: route[0].call: route GET /answer answers the same requests "
        + "as GET /answer of plugin answers (Plugins/answers.so)"
      #expect(line.contains(sentence), "\(line)")
    }
  }

  /// A `[[route]]` entry.
  private func route(_ match: String, _ call: String, _ more: String = "") -> String {
    "[[route]]\nmatch = \"\(match)\"\ncall = \"\(call)\"\n\(more)\n"
  }

  private var foreign: PluginFile {
    .source(
      """
      #include <pthread.h>
      const char *where(void) {
        static _Thread_local char name[16];
        pthread_getname_np(pthread_self(), name, sizeof name);
        return name;
      }
      """, name: "foreign")
  }

  private func version(_ number: Int) -> PluginFile {
    .source(plugin("int32_t answer(int32_t x) { return x + \(number); }"), name: "answers")
  }

  private func plugin(_ code: String) -> String {
    """
    #include <ambit.h>
    \(code)
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "answers"};
    """
  }
}
