import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Sleeps {
  /// What the timers are set for is known later than the call, and other jobs compute for longer than each sleeps.
  @Test(arguments: [1, 20]) func `A sleep lasts as long as asked, counted from the call`(jobs: Int) throws {
    let duration: Int64 = 2_000_000
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var asleep = jobs
      for _ in 0..<jobs {
        scope.spawn("sleeper") { scope in
          let arrival = Clock.monotonic
          while Clock.monotonic < arrival + 3_000_000 {}
          let call = Clock.monotonic
          let status = scope.sleep(duration)
          let time = Clock.monotonic - call
          if status != .ok || time < duration { stage.note("\(status) after \(time) ns") }
          asleep -= 1
          if asleep == 0 { scope.cancel() }
          return .ok
        }
      }
    }
    #expect(steps == Array(repeating: "sleeper ends completed OK", count: jobs))
  }
}
