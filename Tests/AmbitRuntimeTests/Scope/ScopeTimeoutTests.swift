import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct TimeoutsOfScopes {
  @Test func `The timeout of a scope cancels this scope only, not before its time`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let start = Clock.monotonic
        let child = scope.openChild { $0.timeout = 2_000_000 }.scope!
        stage.note("\(child.sleep()) \(child.cause) \(Clock.monotonic - start >= 2_000_000) \(scope.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["CANCELLED deadline true none", "opener ends completed OK"])
  }

  @Test func `A deadline is never later than the deadlines of the scopes above`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("").asHandle
      scope.setTimeout(3_600_000_000_000)
      let child = scope.openChild { $0.timeout = 7_200_000_000_000 }.scope!
      let below = child.openChild().scope!
      stage.note("\(below.deadline == scope.deadline) \(child.deadline == scope.deadline)")
      child.setTimeout(60_000_000_000)
      stage.note("\(below.deadline == child.deadline) \(child.deadline < scope.deadline)")
      scope.setTimeout(1_000_000_000)
      stage.note("\(below.deadline == scope.deadline)")
      scope.cancel()
    }
    #expect(steps == ["true true", "true true", "true"])
  }

  @Test func `A timeout can be set again, also to a later time or to none`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild { $0.timeout = 50_000_000 }.scope!
        stage.note("\(child.setTimeout(-1)) \(child.deadline == .max)")
        stage.note("\(child.sleep(100_000_000)) \(child.setTimeout(0)) \(child.sleep()) \(child.cause)")
        stage.note("\(child.setTimeout(1))")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["OK true", "OK OK CANCELLED deadline", "CANCELLED", "opener ends completed OK"])
  }

  @Test func `A plugin cannot set the deadline of a request later than the host's`() throws {
    let steps = try Stage.play { stage in
      let request = stage.open("", kind: .request)
      let deadline = Clock.monotonic + 60_000_000_000
      request.pointee.deadline = deadline
      let scope = request.asHandle
      scope.setTimeout(1_000_000_000)
      stage.note("\(scope.deadline < deadline)")
      scope.setTimeout(3_600_000_000_000)
      stage.note("\(scope.deadline == deadline)")
      scope.setTimeout(-1)
      stage.note("\(scope.deadline == deadline)")
      scope.cancel()
    }
    #expect(steps == ["true", "true", "true"])
  }

  @Test func `A timeout beyond the clock is none`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("").asHandle
      stage.note("\(scope.setTimeout(.max)) \(scope.deadline == .max)")
      scope.cancel()
    }
    #expect(steps == ["OK true"])
  }
}
