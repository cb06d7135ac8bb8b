import Foundation
import Glibc
import TestSupport
import Testing

/// What a plugin starts ends with the worker that the plugin runs in.
@Suite struct `Processes that a worker leaves behind` {
  /// Its handler starts a process that leaves its parent, its session and its environment, and writes its number to a
  /// file.
  private static let plugin = PluginFile.source(
    """
    #include <ambit.h>
    #include <stdlib.h>
    static int32_t start(ambit_scope *scope) {
      int status = system("(setsid env -i PATH=/usr/bin:/bin sh -c 'echo $$ > number; exec sleep 1000' > /dev/null 2>&1 &)");
      return ambit_respondf(scope, 200, "text/plain", "%d", status);
    }
    static const ambit_route routes[] = {
      {.pattern = "GET /start", .handler = start, .flags = AMBIT_ROUTE_BLOCKING}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "starter", .routes = routes, .route_count = 1};
    """, name: "starter")

  /// Has the plugin start the process.
  /// - Returns: its number.
  private static func startOrphan(on host: Host) async throws -> pid_t {
    #expect(try await host.get("/start").text == "0")
    let text = try await eventually(until: { $0.hasSuffix("\n") }) {
      (try? String(contentsOf: host.directory.appending(path: "number"), encoding: .utf8)) ?? ""
    }
    return try #require(pid_t(text.dropLast()))
  }

  /// Waits until a process has ended; whose child it is now has to reap it.
  private static func expectEnd(of process: pid_t) async throws {
    try await eventually(until: { $0 }) {
      let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      return stat?.contains(") Z ") ?? true
    }
  }

  @Test func `A process that has left its worker dies with it, and a line names it`() async throws {
    try await withHost([Self.plugin], isSingle: false) { host in
      let orphan = try await Self.startOrphan(on: host)
      let worker = host.servingProcess
      kill(worker, SIGKILL)
      let line = try await host.log.line(containing: "process \(orphan) (sleep)")
      #expect(line.contains(" NOTICE ") && line.contains("(pid \(worker))"), "\(line)")
      // The supervisor reaps it.
      try await eventually(until: { $0 != 0 }) { kill(orphan, 0) }
      #expect(try await host.get("/start").text == "0")
    }
  }

  @Test func `A process that has left its worker dies when the host is stopped`() async throws {
    try await withHost([Self.plugin], isSingle: false) { host in
      let orphan = try await Self.startOrphan(on: host)
      #expect(await host.stop() == .exited(0))
      try await Self.expectEnd(of: orphan)
    }
  }

  @Test func `A process that has left its worker dies when the supervisor was killed`() async throws {
    try await withHost([Self.plugin], isSingle: false, mayCrash: true) { host in
      let orphan = try await Self.startOrphan(on: host)
      host.child.signal(SIGKILL)
      try await Self.expectEnd(of: orphan)
    }
  }
}
