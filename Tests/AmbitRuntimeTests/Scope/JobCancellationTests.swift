import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct CancellingAJob {
  @Test func `The cancel of a job ends its present and its later waits, and nothing else`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let job = scope.spawn("job") { scope in
        stage.note("\(scope.sleep()) \(scope.yield()) \(scope.sleep()), scope \(ScopePointer.of(scope).pointee.cause)")
        return .ok
      }
      scope.spawn("other") { $0.sleep() }
      stage.afterTurns(2) {
        scope.asHandle.cancel(job)
        stage.afterTurns(2) { stage.end(scope) }
      }
    }
    #expect(
      steps == [
        "CANCELLED CANCELLED CANCELLED, scope none", "job ends completed OK", "other ends cancelled CANCELLED",
        "request closes: done",
      ])
  }

  @Test func `A job that is cancelled before its first turn never runs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { _ in
        stage.note("ran")
        return .ok
      }
      scope.asHandle.cancel(job)
      scope.asHandle.cancel(job)
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED"])
  }

  @Test func `The cancel of a job that has ended has no effect`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { _ in .ok }
      scope.spawn("late") { scope in
        scope.cancel(job)
        return scope.join(job)
      }
      stage.end(scope)
    }
    #expect(steps == ["job ends completed OK", "late ends completed OK"])
  }

  @Test func `A job that cancels itself goes on, and its waits fail`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var own: OpaquePointer?
      own = scope.spawn("job") { scope in
        scope.cancel(own)
        stage.note("\(scope.sleep()) \(scope.yield())")
        return .ok
      }
      stage.end(scope)
    }
    #expect(steps == ["CANCELLED CANCELLED", "job ends completed OK"])
  }

  @Test func `A wait that is over when its job is cancelled returns its result, and the next wait fails`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let other = scope.spawn("other") { $0.yield() }
      let job = scope.spawn("job") { scope in
        stage.note("\(scope.join(other)), then \(scope.join(other))")
        return .ok
      }
      scope.spawn("canceller") { scope in
        _ = scope.yield()
        scope.cancel(job)
        return .ok
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(
      steps == [
        "other ends completed OK", "canceller ends completed OK", "OK, then CANCELLED", "job ends completed OK",
      ])
  }
}
