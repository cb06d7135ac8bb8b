import TestSupport
import Testing

/// exit(3) in a plugin: its process ends, and the supervisor says why.
@Suite struct `A plugin that calls exit` {
  @Test(arguments: ["/loop", "/thread"])
  func `A plugin that calls exit is named in the line about the death of its worker`(path: String) async throws {
    let plugin = PluginFile.source(
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
    try await withHost([plugin]) { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "worker 1 died: exit(3) in leaves+0x")
      #expect(line.contains("CRITICAL") && line.field("fault") == "plugin", "\(line)")
      #expect(line.field("plugin") == "leaver/1" && line.field("route") == "GET \(path)", "\(line)")
      try await host.expectNewWorker(afterDeathBy: "exit(3)")
    }
  }
}
