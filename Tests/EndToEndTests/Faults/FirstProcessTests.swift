import Foundation
import Glibc
import TestSupport
import Testing

/// The host as the first process of a container, for which the kernel has no default actions of signals, and to which
/// all processes come that lose their parent.
@Suite(.enabled(if: mayMakeNamespaces)) struct `The first process of a container` {
  fileprivate static let wrapper = ["unshare", "-pf", "--mount-proc", "--kill-child"]

  /// The number, outside of the container, of the process that has number 1 in it.
  private static func first(of host: Host) throws -> pid_t {
    try #require(Host.children(of: host.child.pid).first)
  }

  @Test(arguments: [SIGTERM, SIGINT], [true, false])
  func `The host reloads and stops on signals although it is process 1`(number: Int32, isSingle: Bool) async throws {
    try await withHost([.sample("hello")], isSingle: isSingle, wrapper: Self.wrapper) { host in
      let first = try Self.first(of: host)
      // One process cannot tell the children of plugins from those that have come to it.
      #expect(host.log.lines { $0.contains("not reaped when they end") }.count == (isSingle ? 1 : 0))
      let position = host.log.position
      kill(first, SIGHUP)
      try await host.log.line(after: position, containing: "reload done")
      kill(first, number)
      try await host.log.line(after: position, containing: "stopped")
      #expect(await host.child.status == .exited(0))
    }
  }

  @Test func `The host reaps the processes that come to it when they end`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdlib.h>
      static int32_t start(ambit_scope *scope) {
        int status = system("(true &) ; (setsid sleep 0 > /dev/null 2>&1 &)");
        return ambit_respondf(scope, 200, "text/plain", "%d", status);
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /start", .handler = start, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "starter", .routes = routes, .route_count = 1};
      """, name: "starter")
    try await withHost([plugin], isSingle: false, wrapper: Self.wrapper) { host in
      let first = try Self.first(of: host)
      func children() throws -> String {
        try String(contentsOfFile: "/proc/\(first)/task/\(first)/children", encoding: .utf8)
      }
      let before = try children()
      for _ in 0..<10 { #expect(try await host.get("/start").text == "0") }
      try await eventually(until: { $0 == before }) { try children() }
    }
  }
}

private let mayMakeNamespaces =
  (try? run("unshare", ["-pf", "--mount-proc", "true"]))?.status == .exited(0)
