import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Deadlines {
  @Test func `A deadline cancels a scope in which a job waits, not before its time`() throws {
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

  @Test func `The deadline of a parent applies to the scopes below`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      _ = outer.setTimeout(50_000_000)
      let inner = stage.open("inner", below: outer)
      inner.spawn("job") { scope in
        stage.note("\(ambit_deadline(scope) == outer.pointee.deadline)")
        return scope.sleep()
      }
    }
    #expect(
      steps == ["true", "job ends cancelled CANCELLED", "inner closes: deadline", "outer closes: deadline"])
  }

  @Test func `The deadline of a request moves only to an earlier time than the host's`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("", kind: .request)
      let now = Clock.monotonic
      scope.spawn("job") { $0.sleep() }
      stage.note("\(ambit_deadline(scope.asHandle) == .max)")
      scope.pointee.deadline = now + 2_000_000
      _ = scope.setTimeout(-1)
      stage.note("\(ambit_deadline(scope.asHandle) - now)")
      _ = scope.setTimeout(1_000)
      stage.note("\(ambit_deadline(scope.asHandle) < now + 2_000_000)")
    }
    #expect(steps == ["true", "2000000", "true", "job ends cancelled CANCELLED"])
  }

  @Test func `A deadline does not fire after the scope was cancelled`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      _ = scope.setTimeout(1_000)
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
