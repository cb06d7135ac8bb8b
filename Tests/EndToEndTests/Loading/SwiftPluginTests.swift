import Foundation
import TestSupport
import Testing

/// A plugin in Swift, built as the README says.
@Suite(.enabled(if: Places.tool("swiftc") != nil), .disabled(if: Places.isSanitized)) struct `A plugin in Swift` {
  private static let entry = """
    #include <ambit.h>
    int32_t greet(ambit_scope *scope);
    int32_t hold(ambit_scope *scope);
    static const ambit_route routes[] = {
        {.pattern = "GET /greet/{name}", .handler = greet}, {.pattern = "GET /hold", .handler = hold}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "swiftly", .routes = routes, .route_count = 2};
    """

  private static let handlers = #"""
    public typealias Scope = UnsafeMutablePointer<ambit_scope>

    /// An object that must be released, whatever ends the job.
    final class Lease {
      private let scope: Scope
      private let name: String
      var uses = 0
      init(_ scope: Scope, _ name: String) { (self.scope, self.name) = (scope, name) }
      deinit { ambit_log(scope, AMBIT_INFO, "released \(name)", "released \(name)".utf8.count) }
    }

    @_cdecl("greet") public func greet(_ scope: Scope) -> Int32 {
      let name = ambit_param(scope, "name")
      let text = "Hej, \(String(decoding: UnsafeRawBufferPointer(start: name.ptr, count: name.len), as: UTF8.self))!\n"
      return ambit_respond(scope, 200, "text/plain", text, text.utf8.count)
    }

    func wait(_ scope: Scope, counting uses: inout Int) -> Int32 {
      uses += 1
      ambit_log(scope, AMBIT_INFO, "waits", 5)
      return ambit_sleep(scope, 3_600_000_000_000)
    }

    @_cdecl("hold") public func hold(_ scope: Scope) -> Int32 {
      var options = ambit_default_job_options("work")
      options.on_end = { lease, _, _ in Unmanaged<Lease>.fromOpaque(lease!).release() }
      let lease = Unmanaged.passRetained(Lease(scope, "job"))
      let status = ambit_spawn(
        scope, { wait($0!, counting: &Unmanaged<Lease>.fromOpaque($1!).takeUnretainedValue().uses) },
        lease.toOpaque(), &options, nil)
      let own = Lease(scope, "handler")
      return status == AMBIT_OK ? wait(scope, counting: &own.uses) : status
    }
    """#

  @Test func `A plugin in Swift answers, and releases its objects when its client leaves`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await build(into: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/greet/V%C3%A4rld").text == "Hej, Värld!\n")
      let connection = try host.connect()
      try await connection.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      _ = try await host.log.lines(2) { $0.contains("waits") }
      connection.close()
      try await host.log.line(containing: "released handler")
      try await host.log.line(containing: "released job")
      #expect(try await host.get("/greet/you").text == "Hej, you!\n")
    }
  }

  private func build(into plugins: URL) async throws {
    try await withTemporaryFolder { directory in
      try directory.write(Self.entry, as: "entry.c")
      try directory.write(Self.handlers, as: "my.swift")
      let (header, include) = (Places.headers.appending(path: "ambit.h").filePath, Places.headers.filePath)
      let commands = [
        ["cc", "-c", "-fPIC", "-fstack-clash-protection", "-I", include, "entry.c"],
        [
          "swiftc", "-O", "-emit-library", "-enforce-exclusivity=unchecked", "-import-objc-header", header, "my.swift",
          "entry.o", "-o", "my.so",
        ],
      ]
      for words in commands {
        let result = try await run(words[0], Array(words.dropFirst()), in: directory)
        guard result.status == .exited(0) else { throw HarnessError.commandFailed(result.errors) }
      }
      let library = try Data(contentsOf: directory.appending(path: "my.so"))
      try library.write(to: plugins.appending(path: "my.so"), options: .atomic)
    }
  }
}
