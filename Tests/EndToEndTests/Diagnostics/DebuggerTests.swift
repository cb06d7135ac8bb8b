import Foundation
import TestSupport
import Testing

/// The commands that `Sources/CFiber/fibers.py` gives gdb.
@Suite(.enabled(if: Places.tool("gdb") != nil, "gdb is not installed"))
struct `A debugger` {
  @Test func `A debugger lists what is suspended in the host and prints its stack`() async throws {
    try await withHost([Self.parked], configuration: "threads = 1") { host in
      let connection = try host.connect()
      try await connection.send("GET /parked HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "parking")
      // The line is written before the wait. With one loop, the response to another request comes after the wait began.
      _ = try await host.get("/hello")
      let script = Places.package.appending(path: "Sources/CFiber/fibers.py").filePath
      let commands = ["ambit-fibers", "ambit-fiber 1", "ambit-fiber 1 frame function outer", "ambit-fiber 2"].flatMap {
        ["-ex", $0]
      }
      let result = try await run("gdb", ["-nx", "-batch", "-p", "\(host.servingProcess)", "-x", script] + commands)
      let lines = result.text.split(separator: "\n")
      #expect(lines.contains("1 suspended fiber"), "\(result.text)\(result.errors)")
      #expect(lines.contains { $0.hasPrefix("   1 ") && $0.contains("bytes  in inner (parked.1.") })
      let functions = lines.filter { $0.hasPrefix("#") }.compactMap { line in
        ["inner", "outer", "parked", "cfiber_start"].first { line.contains(" \($0) (") }
      }
      #expect(functions == ["inner", "outer", "parked", "cfiber_start", "outer"])
      #expect(result.errors.contains("there is no fiber 2; ambit-fibers lists them"))
      // The host goes on.
      #expect(try await host.get("/hello").text == "hello\n")
    }
  }

  private static let parked = PluginFile.source(
    """
    #include <ambit.h>
    __attribute__((noinline)) static ambit_status inner(ambit_scope *scope) {
      ambit_logf(scope, AMBIT_INFO, "parking");
      ambit_status status = ambit_sleep(scope, INT64_MAX);
      return status < 0 ? status : 1;
    }
    __attribute__((noinline)) static ambit_status outer(ambit_scope *scope) { return inner(scope) + 0 * scope->api->size; }
    static int32_t parked(ambit_scope *scope) { return outer(scope); }
    static int32_t hello(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "hello\\n", 6); }
    static const ambit_route routes[] = {
      {.pattern = "GET /parked", .handler = parked}, {.pattern = "GET /hello", .handler = hello}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "parked", .version = "1.0", .routes = routes, .route_count = 2};
    """, name: "parked")
}
