import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct DeferredCalls {
  @Test func `Deferred functions run in reverse order, after the last job and its hook`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      for name in ["first", "second"] { scope.asHandle.deferring { stage.note(name) } }
      scope.spawn("job") { scope in
        scope.deferring { stage.note("third") }
        return scope.sleep()
      }
      stage.end(scope)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "third", "second", "first", "request closes: done"])
  }

  @Test func `Deferred functions of a child run before those of its parent`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let inner = stage.open("inner", below: outer)
      outer.asHandle.deferring { stage.note("outer's") }
      inner.asHandle.deferring { stage.note("inner's") }
      outer.cancel(.called)
    }
    #expect(steps == ["inner's", "inner closes: called", "outer's", "outer closes: called"])
  }

  @Test func `A function that is deferred after the cancel runs too`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { scope in
        scope.cancel()
        stage.note("\(scope.deferring { stage.note("late") })")
        return .ok
      }
    }
    #expect(steps == ["OK", "job ends completed OK", "late"])
  }

  @Test func `A function that a deferred function defers runs next`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let handle = scope.asHandle
      handle.deferring { stage.note("first") }
      handle.deferring { handle.deferring { stage.note("of the second") } }
      scope.cancel(.called)
    }
    #expect(steps == ["of the second", "first"])
  }

  @Test func `A deferred function cannot spawn a job, and the hook of that job runs before the scope closes`() throws {
    let steps = try Stage.play { stage in
      for kind in [Scope.Kind.child, .plugin] {
        let scope = stage.open("\(kind)", kind: kind)
        let handle = scope.asHandle
        handle.deferring {
          let spawned = handle.spawn(ended: { stage.note("ends \($0) \($1), scope \(handle.cause)") }) { _ in .ok }
          stage.note("\(spawned.status)")
        }
        if kind == .child { scope.cancel(.called) } else { stage.afterTurns(3) { scope.cancel(.retired) } }
      }
    }
    #expect(
      steps == [
        "CANCELLED", "ends cancelled CANCELLED, scope called", "child closes: called",
        "plugin closes: retired", "CANCELLED", "ends cancelled CANCELLED, scope retired",
      ])
  }

  @Test func `A deferred function sees the scope's memory, and may allocate more`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let handle = scope.asHandle
      let number = ambit_alloc(handle, 8)!.assumingMemoryBound(to: Int.self)
      number.pointee = 42
      handle.deferring { stage.note("\(number.pointee), \(ambit_alloc(handle, 16) == nil ? "none" : "more")") }
      scope.cancel(.called)
    }
    #expect(steps == ["42, more"])
  }

  @Test func `ambit_defer refuses a missing function`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      stage.note("\(Status(rawValue: ambit_defer(scope.asHandle, nil, nil)))")
      scope.cancel(.called)
    }
    #expect(steps == ["INVALID"])
  }
}
