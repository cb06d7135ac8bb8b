import Foundation
import TestSupport
import Testing

/// The library of a generation that has ended: unmapped or kept.
@Suite struct `Unloading` {
  @Test func `A plugin that declares itself unloadable is unmapped once its last job has ended, and not before`()
    async throws
  {
    try await withHost([holding(.unloadable)], configuration: "drain_timeout = \"1h\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "holding")
      try remove("held", from: host)
      try await host.reload()
      #expect(try host.maps().contains("/held.1."))
      connection.close()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "unloaded")
      #expect(try !host.maps().contains("/held.1."))
    }
  }

  @Test func `A plugin that does not declare itself unloadable is kept, and the log says so`() async throws {
    try await withHost([holding(.resident)]) { host in
      try remove("held", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "resident")
      #expect(retired.field("reason") == "it does not declare AMBIT_PLUGIN_UNLOADABLE")
      #expect(try host.maps().contains("/held.1."))
    }
  }

  @Test(arguments: [
    ("NODELETE", "", ["-Wl,-z,nodelete"], "it is linked with -z nodelete"),
    ("Go-like", goNote, [], "it contains Go code, and the Go runtime never ends"),
    ("Swift-like", "__attribute__((section(\"swift5_types\"))) int type;", [], "it contains Swift"),
    (
      "key-making", "#include <pthread.h>\npthread_key_t key; int make(void) { return pthread_key_create(&key, 0); }",
      [],
      "it creates thread-specific keys (it calls pthread_key_create)"
    ),
  ])
  func `A library that cannot be unmapped safely is kept, whatever it declares`(
    kind: String, code: String, flags: [String], reason: String
  ) async throws {
    try await withHost([holding(.onThreads, code: code, flags: flags)]) { host in
      try remove("held", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "resident")
      #expect(retired.field("reason")?.hasPrefix(reason) == true)
      #expect(try host.maps().contains("/held.1."))
    }
  }

  @Test(
    .disabled(if: Places.isSanitized),
    arguments: [
      (
        "thread_local with destructor",
        "struct S { int n = 1; ~S(); }; S::~S() {} thread_local S own; int *f() { return &own.n; }",
        "it has thread-local variables with destructors"
      ),
      (
        "inline static", "template <class T> struct S { static inline int n = 0; }; int *f() { return &S<int>::n; }",
        "it defines the process-wide symbol _ZN1SIiE1nE"
      ),
    ])
  func `A C++ library that cannot be unmapped safely is kept`(kind: String, code: String, reason: String) async throws {
    let plugin = PluginFile.source(
      code + """

        #include <ambit.h>
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "held",
          .flags = AMBIT_PLUGIN_UNLOADABLE};
        """, name: "held", language: "cpp")
    try await withHost([plugin]) { host in
      try remove("held", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("reason")?.hasPrefix(reason) == true)
    }
  }

  @Test(arguments: [
    ("sleeps in a system call", "sleep(3600);"), ("computes", "for (volatile int going = 1; going;) {}"),
    (
      "is in the C library, called by it",
      "static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;"
        + " pthread_mutex_lock(&never); pthread_mutex_lock(&never);"
    ),
  ])
  func `A library that a thread of the plugin executes is kept, and the log says so`(kind: String, work: String)
    async throws
  {
    let plugin = threaded("static void *work(void *go) { (void)go; dprintf(2, \"inside\\n\"); \(work) return 0; }")
    try await withHost([plugin, .sample("hello")]) { host in
      try await host.log.line(containing: "inside")
      try remove("threaded", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "resident")
      #expect(
        retired.field("reason")?.firstMatch(of: /^thread [0-9]+ \(helper\) (is in its code|runs, and may be)/) != nil)
      #expect(try host.maps().contains("/threaded.1."))
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A plugin whose thread has ended is unmapped`() async throws {
    let plugin = threaded("static void *work(void *go) { (void)go; return 0; }", joins: true)
    try await withHost([plugin]) { host in
      try remove("threaded", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "unloaded", "\(retired.text)")
    }
  }

  @Test func `A library that a job of another plugin has called into is kept`() async throws {
    let called = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <stdlib.h>
      static int32_t nap(ambit_scope *scope) {
        int32_t status = ambit_sleep(scope, AMBIT_SECONDS(3600));
        dprintf(2, "woken\\n");
        return status;
      }
      static int32_t start(ambit_scope *plugin) {
        char text[32];
        (void)plugin;
        snprintf(text, sizeof text, "%p", (void *)nap);
        setenv("NAP", text, 1);
        return AMBIT_OK;
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "called", .start = start,
        .flags = AMBIT_PLUGIN_UNLOADABLE};
      """, name: "called")
    let calling = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <stdlib.h>
      static int32_t call(ambit_scope *scope) {
        int32_t (*nap)(ambit_scope *) = NULL;
        sscanf(getenv("NAP"), "%p", (void **)&nap);
        dprintf(2, "calling\\n");
        int32_t status = nap(scope);
        dprintf(2, "back\\n");
        return status;
      }
      static const ambit_route routes[] = {{.pattern = "GET /call", .handler = call}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "calling", .routes = routes,
        .route_count = 1};
      """, name: "calling")
    try await withHost([called, calling]) { host in
      let connection = try host.connect()
      try await connection.send("GET /call HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "calling")
      try remove("called", from: host)
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "resident")
      #expect(
        retired.field("reason")
          == "handler GET /call of plugin calling/1 has called into it and is suspended", "\(retired.text)")
      connection.close()
      try await host.log.line(containing: "back")
    }
  }

  /// A plugin whose `start` starts a thread named `helper` with the function `work`, for ever unless it `joins` it.
  private func threaded(_ work: String, joins: Bool = false) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <pthread.h>
      #include <stdio.h>
      #include <unistd.h>
      \(work)
      static int32_t start(ambit_scope *plugin) {
        (void)plugin;
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0) return AMBIT_FAILED;
        \(joins ? "pthread_join(thread, NULL);" : "pthread_setname_np(thread, \"helper\"); pthread_detach(thread);")
        return AMBIT_OK;
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "threaded", .start = start,
        .flags = AMBIT_PLUGIN_UNLOADABLE};
      """, name: "threaded", flags: ["-pthread"])
  }

  private enum Kind: String {
    case unloadable = "AMBIT_PLUGIN_UNLOADABLE"
    /// As a plugin that contains the runtime of a language must.
    case onThreads = "AMBIT_PLUGIN_UNLOADABLE | AMBIT_PLUGIN_THREADS"
    case resident = "0"
  }

  /// A plugin `held` whose requests last until their scope ends.
  private func holding(_ kind: Kind, code: String = "", flags: [String] = []) -> PluginFile {
    .source(
      code + """

        #include <ambit.h>
        #include <stdio.h>
        static int32_t hold(ambit_scope *scope) {
          dprintf(2, "holding\\n");
          return ambit_sleep(scope, AMBIT_SECONDS(3600));
        }
        static const ambit_route routes[] = {{.pattern = "GET /hold", .handler = hold}};
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "held", .routes = routes,
          .route_count = 1, .flags = \(kind.rawValue)};
        """, name: "held", flags: flags)
  }

  /// The note that the Go linker leaves.
  private static let goNote = """
    __asm__(".section .note.go.buildid, \\"a\\", %note\\n.long 4, 4, 4\\n.asciz \\"Go\\"\\n.byte 0\\n.long 7\\n.text\\n");
    """

  private func remove(_ plugin: String, from host: Host) throws {
    try FileManager.default.removeItem(at: host.plugins.appending(path: "\(plugin).so"))
  }
}
