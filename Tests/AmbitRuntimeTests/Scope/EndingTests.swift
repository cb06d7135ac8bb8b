import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct EndingWithDone {
  @Test func `The end with done gives jobs that were spawned before their first turn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("short") { _ in .ok }
      scope.spawn("long") { scope in
        stage.note("first wait: \(scope.sleep())")
        return .cancelled
      }
      stage.end(scope)
      stage.note("open: \(scope.pointee.state == .open)")
    }
    #expect(
      steps == [
        "open: true", "short ends completed OK", "first wait: CANCELLED", "long ends cancelled CANCELLED",
        "request closes: done",
      ])
  }

  @Test func `The end with done does not wait for jobs that those jobs spawn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("parent") { scope in
        scope.spawn("child") { _ in .ok }
        return .ok
      }
      stage.end(scope)
    }
    #expect(
      steps == ["parent ends completed OK", "child ends cancelled CANCELLED", "request closes: done"])
  }

  @Test func `The end with done lets its jobs return before jobs that became ready later run`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("sleeper") { $0.sleep() }
      stage.end(scope)
      let other = stage.open("")
      other.spawn("other") { scope in
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["sleeper ends cancelled CANCELLED", "request closes: done", "other ends completed OK"])
  }

  @Test func `The end of a scope with very many jobs does not block other jobs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      for _ in 0..<1000 { scope.asHandle.spawn(ended: { _, _ in }) { $0.sleep() } }
      stage.end(scope)
      let other = stage.open("")
      other.spawn("other") { scope in
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["other ends completed OK", "request closes: done"])
  }

  @Test func `The end with done closes a scope without jobs at once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      stage.end(scope)
      stage.note("after the call")
    }
    #expect(steps == ["request closes: done", "after the call"])
  }

  @Test func `A cause that comes before the turn of the end with done wins`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { scope in
        scope.cancel()
        return .ok
      }
      stage.end(scope)
    }
    #expect(steps == ["job ends completed OK", "request closes: called"])
  }

  @Test func `The end with done happens once, also if it is asked for twice`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { $0.sleep() }
      stage.end(scope)
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "request closes: done"])
  }

  @Test func `The end with done cancels child scopes too`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      stage.open("child", below: scope).spawn("job") { $0.sleep() }
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "child closes: done", "request closes: done"])
  }
}
