import Foundation
import Testing

/// What becomes of the library of a generation that has ended.
@Suite struct `Unloading` {
  @Test func `unmaps a plugin that declares it, once its last job has ended, and not before`() async throws {
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

  @Test func `keeps a plugin that does not declare it, and says so`() async throws {
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
    ("Go-like", goNote, [], "it contains Go, whose runtime never ends"),
    ("Swift-like", "__attribute__((section(\"swift5_types\"))) int type;", [], "it contains Swift"),
    (
      "key-making", "#include <pthread.h>\npthread_key_t key; int make(void) { return pthread_key_create(&key, 0); }",
      [],
      "it makes thread-specific keys (it calls pthread_key_create)"
    ),
  ])
  func `keeps a library that could not go, whatever it declares`(
    kind: String, code: String, flags: [String], reason: String
  ) async throws {
    try await withHost([holding(.unloadable, code: code, flags: flags)]) { host in
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
  func `keeps a C++ library that could not go`(kind: String, code: String, reason: String) async throws {
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

  private enum Kind: String {
    case unloadable = "AMBIT_PLUGIN_UNLOADABLE"
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
