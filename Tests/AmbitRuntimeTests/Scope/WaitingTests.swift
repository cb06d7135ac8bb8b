import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Waiting {
  @Test func `A sleep takes no less than the time asked for`() throws {
    let durations: [Int64] = [0, 1, 70_000, 1_000_000, 5_000_000]
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for duration in durations {
        scope.asHandle.spawn(ended: { _, _ in }) { scope in
          let start = ambit_now(scope)
          let status = scope.sleep(duration)
          stage.note("\(duration): \(status) \(ambit_now(scope) - start >= duration ? "in time" : "early")")
          return .ok
        }
      }
      scope.spawn("all") { scope in
        let status = scope.joinAll()
        stage.end(ScopePointer.of(scope))
        return status
      }
    }
    #expect(Set(steps) == Set(durations.map { "\($0): OK in time" } + ["all ends completed OK"]))
  }

  @Test func `ambit_sleep refuses a negative time`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { $0.sleep(-1) }
      stage.end(scope)
    }
    #expect(steps == ["job ends failed INVALID"])
  }

  @Test func `A job that yields lets all other ready jobs run first`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for name in ["a", "b", "c"] {
        scope.asHandle.spawn(ended: { _, _ in }) { scope in
          for round in 1...2 {
            stage.note("\(name)\(round)")
            _ = scope.yield()
          }
          return .ok
        }
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["a1", "b1", "c1", "a2", "b2", "c2"])
  }

  @Test func `A yield that was queued before the cancel returns OK`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { scope in
        stage.note("\(scope.yield()), then \(scope.yield())")
        return .ok
      }
      scope.spawn("canceller") { scope in
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["canceller ends completed OK", "OK, then CANCELLED", "job ends completed OK"])
  }

  @Test func `A sleep that was over in the turn of the cancel returns OK`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("canceller") { scope in
        _ = scope.sleep(1)
        scope.cancel()
        return .ok
      }
      scope.spawn("sleeper") { scope in
        stage.note("\(scope.sleep(1)), then \(scope.sleep(1))")
        return .ok
      }
      scope.spawn("delay") { _ in
        // Both are due when the loop looks at its timers next.
        let end = Clock.monotonic + 1_000_000
        while Clock.monotonic < end {}
        return .ok
      }
    }
    #expect(
      steps == [
        "delay ends completed OK", "canceller ends completed OK", "OK, then CANCELLED", "sleeper ends completed OK",
      ])
  }

  @Test func `A wait in a scope above ends with the job's own scope`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      let background = plugin.spawn("background") { $0.sleep() }
      request.spawn("job") { _ in
        let above = plugin.asHandle
        stage.note("\(above.sleep())")
        stage.note("\(above.sleep(0)) \(above.yield()) \(above.join(background)) \(above.joinAll(timeout: 0))")
        return .ok
      }
      stage.afterTurns(2) {
        request.cancel(.disconnect)
        stage.afterTurns(2) { plugin.cancel(.shutdown) }
      }
    }
    #expect(
      steps == [
        "CANCELLED", "CANCELLED CANCELLED CANCELLED CANCELLED", "job ends completed OK", "request closes: disconnect",
        "background ends cancelled CANCELLED", "plugin closes: shutdown",
      ])
  }

  @Test func `Waits are refused where there is no job: in hooks and deferred functions`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let note: (ScopeHandle, String) -> Void = { scope, place in
        stage.note("\(place): \(scope.sleep()) \(scope.yield()) \(scope.join(nil)) \(scope.joinAll())")
      }
      let handle = scope.asHandle
      handle.deferring { note(handle, "deferred") }
      handle.spawn(ended: { _, _ in note(handle, "hook") }) { _ in .ok }
      stage.end(scope)
    }
    let refused = "WRONG_STATE WRONG_STATE WRONG_STATE WRONG_STATE"
    #expect(steps == ["hook: \(refused)", "deferred: \(refused)"])
  }

  @Test func `Waits are refused in the end of a scope that a job causes, and the job's own waits go on`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let inner = stage.open("inner", below: outer)
      let handle = inner.asHandle
      handle.deferring { stage.note("deferred: \(handle.sleep())") }
      outer.spawn("job") { scope in
        inner.cancel(.called)
        stage.note("job: \(scope.sleep(0))")
        outer.cancel(.called)
        return .ok
      }
    }
    #expect(
      steps == [
        "deferred: WRONG_STATE", "inner closes: called", "job: OK", "job ends completed OK", "outer closes: called",
      ])
  }
}
