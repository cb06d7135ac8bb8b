import AmbitCore
import CAmbit
import Glibc
import Logging
import Testing

@testable import AmbitRuntime

extension Stage {
  /// Runs a job of a plugin that logs and then fails, with the log on standard error.
  fileprivate static func logAndFail() throws {
    LoggingSystem.bootstrap { _ in LineLogHandler(level: .debug, format: .text) }
    _ = try play { stage in
      let request = stage.openRequest(of: "hello/3", route: "GET /hello/{name}")
      request.asHandle.spawn(
        options: { $0.name = UnsafePointer(strdup("greeter")) }, ended: { _, _ in },
        body: { scope in
          ambit_log(scope, AMBIT_TRACE, "below the level", 15)
          ambit_log(scope, AMBIT_INFO, "two\nlines", 9)
          ambit_log(scope, 99, "beyond the last level", 21)
          return Status(rawValue: ambit_fail(scope, AMBIT_LIMIT, "the well is dry"))
        })
      stage.end(request)
    }
  }

  private func openRequest(of generationLabel: String, route: StaticString) -> ScopePointer {
    let request = open("")
    let generation = GenerationPointer.allocate(capacity: 1)
    generation.initialize(
      to: Generation(label: generationLabel, settings: SettingsTable([]), shards: .allocate(capacity: 1)))
    request.pointee.generation = generation
    request.pointee.route = UnsafeBufferPointer(start: route.utf8Start, count: route.utf8CodeUnitCount)
    return request
  }
}

@Suite struct LogOfPlugins {
  @Test func `names plugin, generation, route, scope and job, in every line`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      try Stage.logAndFail()
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let lines = output.split(separator: "\n").filter { $0.contains("plugin=hello/3") }
      .map { $0.drop { $0 != " " }.dropFirst() }
    let fields = #"plugin=hello/3 route="GET /hello/{name}" scope=2 job=greeter"#
    #expect(
      lines == [
        #"INFO  two\nlines \#(fields)"#[...], "ERROR beyond the last level \(fields)",
        "WARNING job failed with LIMIT: the well is dry \(fields)",
      ])
  }
}
