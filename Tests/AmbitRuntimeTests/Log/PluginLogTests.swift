import AmbitCore
import AmbitSystem
import CAmbit
import Glibc
import Logging
import Testing

@testable import AmbitRuntime

extension Stage {
  /// Runs a job of a plugin that logs and then fails, with the log on standard error.
  fileprivate static func logAndFail() throws {
    LoggingSystem.bootstrap { _ in LineLogHandler(threshold: LogThreshold(.debug), format: .text) }
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

  /// Runs jobs of one scope that fail: the first with a reason, the next without, and one that goes on after a tick
  /// that had a reason and did not fail.
  fileprivate static func failWithAndWithoutReason() throws {
    LoggingSystem.bootstrap { _ in LineLogHandler(threshold: LogThreshold(.debug), format: .text) }
    _ = try play { stage in
      let request = stage.openRequest(of: "hello/3", route: "GET /hello/{name}")
      request.spawn("first") { Status(rawValue: ambit_fail($0, AMBIT_LIMIT, "the well is dry")) }
      request.spawn("second") { _ in .closed }
      let tick: ambit_job_fn = { scope, ticks in
        let ticks = ticks!.assumingMemoryBound(to: Int.self)
        ticks.pointee += 1
        if ticks.pointee == 2 { return AMBIT_TIMED_OUT }
        _ = ambit_fail(scope, AMBIT_FAILED, "no failure yet")
        return AMBIT_OK
      }
      let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)
      count.initialize(to: 0)
      var ticker: OpaquePointer?
      _ = ambit_every(request.asHandle, 1_000, tick, count, nil, &ticker)
      let made = ticker
      request.spawn("joiner") { scope in
        _ = scope.join(made)
        scope.cancel()
        return .ok
      }
    }
  }

  private func openRequest(of generationLabel: String, route: StaticString) -> ScopePointer {
    let request = open("")
    let generation = GenerationPointer.allocate(capacity: 1)
    generation.initialize(
      to: Generation(label: generationLabel, settings: SettingsTable([]), shards: .allocate(capacity: 1)))
    request.pointee.requestScope = request
    request.pointee.generation = generation
    request.pointee.label = UnsafeBufferPointer(start: route.utf8Start, count: route.utf8CodeUnitCount)
    return request
  }
}

@Suite struct LogOfPlugins {
  @Test func `The log of a plugin names plugin, generation, route, request and job, in every line`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      try Stage.logAndFail()
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let lines = output.split(separator: "\n").filter { $0.contains("plugin=hello/3") }
      .map { $0.drop { $0 != " " }.dropFirst() }
    let fields = #"plugin=hello/3 route="GET /hello/{name}" request=PREFIX-2 job=greeter"#
    #expect(
      lines.map { $0.replacing(#/request=[0-9a-f]{8}-/#, with: "request=PREFIX-") } == [
        #"INFO  two\nlines \#(fields)"#[...], "ERROR beyond the last level \(fields)",
        "WARNING job failed with AMBIT_LIMIT: the well is dry \(fields)",
      ])
  }

  @Test func `The log of a plugin gives the reason of a failure to the job that failed, and to no other`() async throws
  {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      try Stage.failWithAndWithoutReason()
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let failures = output.split(separator: "\n").compactMap { (line: Substring) -> String? in
      guard let found = line.firstRange(of: "job failed with ") else { return nil }
      let reason: Substring = line.suffix(from: found.upperBound)
      return reason.firstRange(of: " plugin=").map { String(reason.prefix(upTo: $0.lowerBound)) }
    }
    #expect(failures == ["AMBIT_LIMIT: the well is dry", "AMBIT_CLOSED", "AMBIT_TIMED_OUT"])
  }
}
