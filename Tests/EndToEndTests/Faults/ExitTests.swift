import TestSupport
import Testing

/// exit(3) in a plugin: its process ends, and the log says why.
@Suite struct `A plugin that calls exit` {
  private static let leaver = PluginFile.source(
    """
    #include <ambit.h>
    #include <stdlib.h>
    static int32_t leaves(ambit_scope *scope) { (void)scope; exit(3); }
    static const ambit_route routes[] = {
      {.pattern = "GET /loop", .handler = leaves},
      {.pattern = "GET /thread", .handler = leaves, .flags = AMBIT_ROUTE_BLOCKING}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "leaver", .routes = routes, .route_count = 2};
    """, name: "leaver")

  @Test(arguments: ["/loop", "/thread"])
  func `A plugin that calls exit is named in the line about the end of a single process`(path: String) async throws {
    try await withHost([Self.leaver], isSingle: true) { host in
      _ = try? await host.get(path)
      #expect(await host.child.status == .exited(3))
      let line = try await host.log.line(containing: "code in the host's process called exit(3)")
      #expect(line.field("fault") == "plugin" && line.field("plugin") == "leaver/1", "\(line)")
    }
  }

  @Test(arguments: ["/loop", "/thread"])
  func `A plugin that calls exit is named in the line about the death of its worker`(path: String) async throws {
    try await withHost([Self.leaver]) { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "worker 1 died: exit(3) in leaves+0x")
      #expect(line.contains("CRITICAL") && line.field("fault") == "plugin", "\(line)")
      #expect(line.field("plugin") == "leaver/1" && line.field("route") == "GET \(path)", "\(line)")
      try await host.expectNewWorker(afterDeathBy: "exit(3)")
    }
  }
}
