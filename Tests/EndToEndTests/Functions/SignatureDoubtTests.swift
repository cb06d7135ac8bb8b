import Foundation
import TestSupport
import Testing

/// What the host says about signatures that are right and probably not meant.
@Suite struct `Doubtful signatures` {
  private static var configuration: String {
    """
    [[route]]
    match = "GET /q/{x}"
    call = "libm.so.6: f64 cos(f64 y)"
    """
  }

  @Test func `A parameter of the path that no argument takes is noted by the host and by check`() async throws {
    try await withHost([], configuration: Self.configuration) { host in
      let notice = try await host.log.line(containing: "route[0].call: no argument takes {x} of GET /q/{x}")
      #expect(notice.contains("NOTICE") && notice.contains("host.conf:"), "\(notice)")
      #expect(try await host.get("/q/1?y=0").text.hasPrefix("1.0"))
      let check = try await ambit("check", in: host.directory)
      #expect(check.status == .exited(0) && check.errors.contains("no argument takes {x} of GET /q/{x}"))
    }
  }

  @Test func `A plugin with such a signature serves, and the log warns of it`() async throws {
    let plugin = """
      #include <ambit.h>
      static double twice(double x) { return 2 * x; }
      static const ambit_route routes[] = {
          {.pattern = "GET /twice/{n}", .function = (ambit_function)twice, .signature = "f64 (f64 x)"},
          {.pattern = "GET /half/{x}", .function = (ambit_function)twice, .signature = "f64 (f64 x = 2)"}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "doubtful", .version = "1.0", .routes = routes, .route_count = 2};
      """
    try await withHost([.source(plugin, name: "doubtful")]) { host in
      for text in [
        "routes[0].signature: no argument takes {n} of GET /twice/{n}; if that is meant, call it {_n}",
        "routes[1].signature: the default value of `x` is never used",
      ] {
        let line = try await host.log.line(containing: text)
        #expect(line.contains("WARN") && line.contains("doubtful.so"), "\(line)")
      }
      #expect(try await host.get("/twice/1?x=2").text.hasPrefix("4.0"))
    }
  }
}
