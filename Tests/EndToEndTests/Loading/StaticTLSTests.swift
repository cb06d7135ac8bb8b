import Foundation
import TestSupport
import Testing

/// Libraries with thread-local variables at fixed offsets, for which the system's loader has little room.
@Suite(.disabled(if: Places.isSanitized)) struct `Static thread-local storage` {
  @Test func `A plugin with a little static thread-local storage is served, with a notice of what is left`()
    async throws
  {
    try await withHost([plugin(bytes: 8)]) { host in
      #expect(try await host.get("/own").text == "8")
      let line = try await host.log.line(containing: "plugin own (Plugins/own.so) took 8 bytes of static thread-local")
      #expect(line.contains("NOTICE") && line.contains("for 207 further versions"), "\(line)")
    }
  }

  @Test func `The version that finds no more static thread-local storage is announced, and refused with what to do`()
    async throws
  {
    try await withHost([plugin(bytes: 600)]) { host in
      try await plugin(bytes: 600, version: 2).install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      let warning = try await host.log.line(containing: "the next version will probably not load")
      #expect(warning.contains("WARNING plugin own (Plugins/own.so) took 600 bytes"), "\(warning)")
      #expect(warning.contains("until the host is restarted"), "\(warning)")

      try await plugin(bytes: 600, version: 3).install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let error = try await host.log.line { $0.contains("ERROR") && $0.contains("static TLS block") }
      #expect(error.contains("plugin own (Plugins/own.so): cannot allocate memory in static TLS block"), "\(error)")
      #expect(error.contains("it needs 600 bytes") && error.contains("have taken 1200"), "\(error)")
      #expect(error.contains("restart the host, or start the host with more room"), "\(error)")
      #expect(try await host.get("/own").text == "600")
    }
    let room = ["GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"]
    try await withHost([plugin(bytes: 600)], environment: room) { host in
      for version in 2...4 {
        try await plugin(bytes: 600, version: version).install(in: host.plugins)
        #expect(try await host.reload().field("changed") == "1")
      }
    }
  }

  @Test func `A plugin with too much static thread-local storage fails in its dry run, with what to do`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await plugin(bytes: 4096).install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let error = try await host.log.line { $0.contains("ERROR") && $0.contains("static TLS block") }
      #expect(error.contains("it needs 4096 bytes, and the system's loader has about 1664 for all"), "\(error)")
      #expect(error.contains("without -ftls-model=initial-exec"), "\(error)")
      let inspection = try await ambit("inspect", host.plugins.appending(path: "own.so").filePath)
      #expect(inspection.text.contains(/warning +each load takes 4096 bytes of static/), "\(inspection.text)")
      #expect(inspection.text.contains(/refused +.*static TLS block/), "\(inspection.text)")
    }
  }

  @Test func `Plugins that fit one by one are not refused because their dry runs share a process`() async throws {
    let files = (1...4).map { plugin(bytes: 500, name: "own\($0)") }
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for file in files { try await file.install(in: folder) }
      let check = try await ambit("check", in: directory)
      #expect(check.status == .exited(0), "\(check.errors)")
    }
  }

  /// A plugin that answers the size of its thread-local variable.
  private func plugin(bytes: Int, version: Int = 1, name: String = "own") -> PluginFile {
    let text = """
      #include <ambit.h>
      static __thread char own[\(bytes)];
      static int32_t answer(ambit_scope *scope) {
        own[0] = 1;
        return ambit_respondf(scope, 200, "text/plain", "%d", (int)sizeof own);
      }
      static const ambit_route routes[] = {{.pattern = "GET /\(name)", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "\(name)",
        .version = "\(version)", .routes = routes, .route_count = 1};
      """
    return .source(text, name: name, flags: ["-ftls-model=initial-exec"])
  }
}
