import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct Cancelling {
  @Test func `The first cause of a scope wins`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { $0.sleep() }
      scope.cancel(.disconnect)
      scope.cancel(.shutdown)
      scope.asHandle.cancel()
      stage.note("\(scope.asHandle.cause)")
    }
    #expect(steps == ["disconnect", "job ends cancelled CANCELLED", "request closes: disconnect"])
  }

  @Test func `A cancel sets the cause on every scope below before a job or a hook runs`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let inner = stage.open("inner", below: outer)
      let innermost = stage.open("innermost", below: inner)
      outer.spawn("job") { scope in
        _ = scope.sleep()
        stage.note("job sees \(outer.pointee.cause) \(inner.pointee.cause) \(innermost.pointee.cause)")
        return .ok
      }
      innermost.spawn("below") { $0.sleep() }
      stage.afterTurns(2) { outer.cancel(.deadline) }
    }
    #expect(
      steps == [
        "job sees deadline deadline deadline", "job ends completed OK", "below ends cancelled CANCELLED",
        "innermost closes: deadline", "inner closes: deadline", "outer closes: deadline",
      ])
  }

  @Test func `A scope below that was cancelled before keeps its own cause`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let inner = stage.open("inner", below: outer)
      inner.hold()
      inner.cancel(.deadline)
      outer.cancel(.disconnect)
      inner.release()
    }
    #expect(steps == ["inner closes: deadline", "outer closes: disconnect"])
  }

  @Test func `A scope opened below a cancelled scope has the cause of that scope`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      outer.hold()
      outer.cancel(.retired)
      _ = stage.open("late", below: outer)
      outer.release()
    }
    #expect(steps == ["late closes: retired", "outer closes: retired"])
  }

  @Test func `A cancel wakes every wait in one pass, before any of the jobs goes on`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let sleeper = scope.spawn("sleeper") { scope in
        _ = scope.sleep()
        stage.note("all woken: \(stage.waiting(in: ScopePointer.of(scope)) == 0)")
        return .cancelled
      }
      scope.spawn("joiner") { $0.join(sleeper) }
      scope.spawn("gatherer") { $0.joinAll() }
      stage.afterTurns(2) {
        stage.note("\(stage.waiting(in: scope)) wait")
        scope.cancel(.called)
      }
    }
    #expect(
      steps == [
        "3 wait", "all woken: true", "sleeper ends cancelled CANCELLED", "joiner ends cancelled CANCELLED",
        "gatherer ends cancelled CANCELLED", "request closes: called",
      ])
  }

  @Test func `Every wait after a cancel fails`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let other = scope.spawn("other") { $0.sleep() }
      scope.spawn("job") { scope in
        stage.note("\(scope.sleep()) \(scope.sleep(0)) \(scope.yield()) \(scope.join(other)) \(scope.joinAll())")
        return .ok
      }
      stage.afterTurns(2) { scope.cancel(.called) }
    }
    #expect(steps.contains("CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED"))
  }

  @Test func `A cancelled job that had no turn never runs, and its hook runs once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { _ in
        stage.note("ran")
        return .ok
      }
      scope.cancel(.called)
      stage.note("cancelled")
    }
    #expect(steps == ["cancelled", "job ends cancelled CANCELLED", "request closes: called"])
  }

  @Test func `A job that cancels its scope ends the waits of the other jobs and its own`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("other") { $0.sleep() }
      scope.spawn("job") { scope in
        scope.cancel()
        stage.note("goes on: \(scope.cause), \(scope.sleep())")
        return .ok
      }
    }
    #expect(
      steps == [
        "goes on: called, CANCELLED", "job ends completed OK", "other ends cancelled CANCELLED",
        "request closes: called",
      ])
  }

  @Test func `The hook of a job may cancel its scope, which ends the other jobs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("other") { $0.sleep() }
      scope.asHandle.spawn(ended: { _, _ in scope.asHandle.cancel() }) { _ in .ok }
    }
    #expect(steps == ["other ends cancelled CANCELLED", "request closes: called"])
  }

  @Test func `The end of a request's scope ends the wait of a plugin's job in that scope`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      plugin.spawn("background") { _ in
        stage.note("in the request: \(request.asHandle.sleep())")
        return plugin.asHandle.sleep()
      }
      stage.afterTurns(2) {
        stage.end(request)
        stage.afterTurns(4) { plugin.cancel(.retired) }
      }
    }
    #expect(
      steps == [
        "request closes: done", "in the request: CANCELLED", "background ends cancelled CANCELLED",
        "plugin closes: retired",
      ])
  }
}
