import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct EndingWithDone {
  @Test func `gives jobs that were spawned before their first turn`() throws {
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

  @Test func `does not wait for what those jobs spawn`() throws {
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

  @Test func `lets its jobs return before what became ready after it`() throws {
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

  @Test func `keeps nobody waiting for a crowd of jobs to return`() throws {
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

  @Test func `closes a scope without jobs at once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      stage.end(scope)
      stage.note("after the call")
    }
    #expect(steps == ["request closes: done", "after the call"])
  }

  @Test func `yields to a cause that comes before its turn`() throws {
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

  @Test func `asked for twice ends the scope once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { $0.sleep() }
      stage.end(scope)
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "request closes: done"])
  }

  @Test func `cancels child scopes too`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      stage.open("child", below: scope).spawn("job") { $0.sleep() }
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "child closes: done", "request closes: done"])
  }
}
