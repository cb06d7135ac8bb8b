import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Events {
  @Test func `A set wakes all waiting jobs in order of arrival, and later waits return at once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)
      for name in ["a", "b", "c"] { scope.spawn(name) { $0.wait(for: event) } }
      scope.spawn("setter") { _ in
        stage.note("\(event!.set()) \(event!.set())")
        return .ok
      }
      scope.spawn("late") { $0.wait(for: event) }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(
      steps == ["OK OK", "setter ends completed OK", "late ends completed OK"]
        + ["a", "b", "c"].map { "\($0) ends completed OK" })
  }

  @Test func `A reset lets later jobs wait, and jobs woken before go on`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)!
      scope.spawn("woken") { $0.wait(for: event) }
      scope.spawn("setter") { scope in
        event.set()
        stage.note("\(event.reset()) \(event.reset())")
        stage.note("\(scope.wait(for: event, timeout: 0)) \(scope.wait(for: event, timeout: 1))")
        return .ok
      }
      scope.endAfterJobs()
    }
    #expect(
      steps == [
        "OK OK", "woken ends completed OK", "TIMED_OUT TIMED_OUT", "setter ends completed OK",
      ])
  }

  @Test func `A wait with a timeout of 0 finds an event that is set`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)!
      event.set()
      scope.spawn("job") { $0.wait(for: event, timeout: 0) }
      stage.end(scope)
    }
    #expect(steps == ["job ends completed OK"])
  }

  @Test func `Hooks and deferred functions can make, set and reset events, but not wait for them`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let handle = scope.asHandle
      let first = ambit_event_new(handle)!
      let use: (String) -> Void = { place in
        let event = ambit_event_new(handle)!
        stage.note("\(place): \(event.set()) \(event.reset()) \(first.set()), wait: \(handle.wait(for: event))")
      }
      handle.deferring { use("deferred") }
      handle.spawn(ended: { _, _ in use("hook") }) { _ in .ok }
      scope.spawn("waiter") { $0.wait(for: first) }
      stage.afterTurns(3) { stage.end(scope) }
    }
    let used = "OK OK OK, wait: WRONG_STATE"
    #expect(steps == ["hook: \(used)", "waiter ends completed OK", "deferred: \(used)"])
  }

  @Test func `A set before the cancel in the same turn ends the wait, and the next wait fails`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)!
      scope.spawn("waiter") { scope in
        stage.note("\(scope.wait(for: event)), then \(scope.wait(for: event)) \(scope.wait(for: event, timeout: 0))")
        return .ok
      }
      stage.afterTurns(2) {
        event.set()
        scope.cancel(.called)
      }
    }
    #expect(steps == ["OK, then CANCELLED CANCELLED", "waiter ends completed OK"])
  }

  @Test func `A set after the cancel in the same turn comes too late`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)!
      scope.spawn("waiter") { $0.wait(for: event) }
      stage.afterTurns(2) {
        scope.cancel(.called)
        event.set()
      }
    }
    #expect(steps == ["waiter ends cancelled CANCELLED"])
  }

  @Test func `A set in the turn of the timeout wins`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let event = ambit_event_new(scope.asHandle)!
      scope.spawn("waiter") { $0.wait(for: event, timeout: 1_000_000) }
      scope.spawn("setter") { _ in
        let end = Clock.monotonic + 3_000_000
        while Clock.monotonic < end {}
        event.set()
        return .ok
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["setter ends completed OK", "waiter ends completed OK"])
  }
}
