import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Deadlines {
  @Test func `end a scope in which a job waits, not before their time`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let deadline = Clock.monotonic + 2_000_000
      scope.pointee.deadline = deadline
      scope.spawn("job") { scope in
        let status = scope.sleep()
        stage.note("\(status) \(scope.cause) \(Clock.monotonic >= deadline ? "in time" : "early")")
        return .ok
      }
    }
    #expect(steps == ["CANCELLED deadline in time", "job ends completed OK", "request closes: deadline"])
  }

  @Test func `of a parent hold for the scopes below`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      outer.moveDeadline(to: Clock.monotonic + 1_000_000)
      let inner = stage.open("inner", below: outer)
      inner.spawn("job") { scope in
        stage.note("\(ambit_deadline(scope) == outer.pointee.deadline)")
        return scope.sleep()
      }
    }
    #expect(
      steps == ["true", "job ends cancelled CANCELLED", "inner closes: deadline", "outer closes: deadline"])
  }

  @Test func `move only to an earlier time`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let now = Clock.monotonic
      scope.spawn("job") { $0.sleep() }
      stage.note("\(ambit_deadline(scope.asHandle) == .max)")
      scope.moveDeadline(to: now + 2_000_000)
      scope.moveDeadline(to: .max)
      stage.note("\(ambit_deadline(scope.asHandle) - now)")
      scope.moveDeadline(to: now + 1_000_000)
      stage.note("\(ambit_deadline(scope.asHandle) - now)")
    }
    #expect(steps == ["true", "2000000", "1000000", "job ends cancelled CANCELLED"])
  }

  @Test func `do not fire once the scope has ended`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.moveDeadline(to: Clock.monotonic + 1_000)
      scope.spawn("job") { scope in
        scope.cancel()
        let end = Clock.monotonic + 1_000_000
        while Clock.monotonic < end {}
        stage.note("\(scope.yield()) \(scope.cause)")
        return .ok
      }
    }
    #expect(steps == ["CANCELLED called", "job ends completed OK"])
  }
}
