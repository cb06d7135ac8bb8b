import AmbitCore
import AmbitSystem
import Logging
import Testing

@testable import AmbitRuntime

@Suite struct LogOfLimits {
  @Test func `The log has a line when a plugin reaches a limit and one when that is over, and none between`()
    async throws
  {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      LoggingSystem.bootstrap { _ in LineLogHandler(threshold: LogThreshold(.debug), format: .text) }
      var limits = PluginLimits()
      limits.jobs = 1
      let watch = LimitWatch()
      let use = GenerationUse(of: "hello", label: "hello/3", limits: limits, loops: 2, watch: watch)
      let counter = use.use(onLoop: 1).jobs
      for _ in 0..<3 { _ = counter.take() }
      watch.look(at: Clock.monotonic)
      _ = counter.take()
      for _ in 0..<2 { watch.look(at: Clock.monotonic + LimitEpisode.quietTime) }
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let lines = output.split(separator: "\n").filter { $0.contains("hello/3") }
    #expect(lines.count == 2, "\(output)")
    let first = "WARNING plugin hello/3 has reached its limit of 1 job: further jobs are refused with AMBIT_LIMIT; "
    #expect(lines.first?.contains(first + "to raise it, set jobs in [plugin.hello.limits] fault=plugin") == true)
    let last = "NOTICE plugin hello/3 has kept below its limit of 1 job for 10 s; before, 3 jobs were refused in "
    #expect(lines.last?.contains(last) == true)
  }

  @Test func `Another limit ends the line of refusals at the one before`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      LoggingSystem.bootstrap { _ in LineLogHandler(threshold: LogThreshold(.debug), format: .text) }
      var limits = PluginLimits()
      limits.jobs = 1
      let watch = LimitWatch()
      let use = GenerationUse(of: "hello", label: "hello/3", limits: limits, loops: 1, watch: watch)
      let counter = use.use(onLoop: 0).jobs
      for _ in 0..<3 { _ = counter.take() }
      limits.jobs = 7
      use.set(limits)
      for _ in 0..<2 { watch.look(at: Clock.monotonic + LimitEpisode.quietTime) }
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let lines = output.split(separator: "\n").filter { $0.contains("hello/3") }
    #expect(lines.count == 2, "\(output)")
    let last = "NOTICE plugin hello/3 has a limit of 7 jobs now; at 1 job, 2 jobs were refused in "
    #expect(lines.last?.contains(last) == true, "\(output)")
  }
}
