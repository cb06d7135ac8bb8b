import AmbitCore
import CAmbit
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct `Scope tree` {
  @Test func `The tree lists each scope with its jobs, then its child scopes, one step deeper`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("")
      outer.asHandle.spawnSleeper("one")
      let inner = "inner".withCString { name in outer.asHandle.openChild { $0.name = name }.scope! }
      inner.spawnSleeper("two")
      outer.asHandle.spawnSleeper("three")
      for entry in ScopeTreeWalk.tree(of: stage.loop).entries {
        let indentation = String(repeating: "-", count: Int(entry.depth))
        switch entry.subject {
        case .scope(let scope): stage.note("\(indentation)\(scope.kind) \(entry.scope.name) jobs=\(scope.jobs)")
        case .job(let job): stage.note("\(indentation)\(job.name)")
        }
      }
      outer.cancel(.called)
    }
    #expect(steps == ["host  jobs=0", "-child  jobs=2", "--one", "--three", "--child inner jobs=1", "---two"])
  }

  @Test func `The tree shows a scope's state, its cause, and the time left until its deadline`() throws {
    let hour: Int64 = 3_600_000_000_000
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.setTimeout(hour)
      let child = scope.asHandle.openChild().scope!
      child.cancel()
      for case .scope(let scope) in ScopeTreeWalk.tree(of: stage.loop).entries.map(\.subject) {
        let minutes = scope.timeLeft.map { ($0 + 30_000_000_000) / 60_000_000_000 }
        stage.note("\(scope.state) \(scope.cause) \(minutes ?? -1)")
      }
      scope.cancel(.called)
    }
    #expect(steps == ["open none -1", "open none 60", "cancelling called 60"])
  }

  @Test func `Ages and waits count from their beginning`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawnSleeper("early")
      scope.asHandle.spawn(ended: { _, _ in }) { handle in
        _ = handle.sleep(200_000_000)
        handle.spawnSleeper("late")
        _ = handle.yield()
        for case (let name, let age, let wait?) in stage.jobs.map({ ($0.name, $0.age, $0.wait?.time) }) {
          stage.note("\(name): \(age >= 199_000_000) \(wait >= 199_000_000)")
        }
        handle.cancel()
        return .ok
      }
    }
    #expect(steps == ["early: true true", "late: false false"])
  }

  @Test func `The tree shows a limited number of entries and counts the rest`() throws {
    let steps = try Stage.play { stage in
      let full = stage.open("")
      let beside = stage.open("")
      for _ in 0..<50 { full.asHandle.spawnSleeper("job") }
      stage.afterTurns(2) {
        for limit in [30, 1000] {
          let tree = ScopeTreeWalk.tree(of: stage.loop, limit: limit)
          stage.note("\(tree.entries.count) \(tree.scopesLeftOut) \(tree.jobsLeftOut)")
        }
        full.cancel(.called)
        beside.cancel(.called)
      }
    }
    #expect(steps == ["30 1 22", "53 0 0"])
  }

  @Test(.enabled(if: !isSanitized)) func `The tree shows the deepest use of a stack`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawnSleeper("shallow")
      scope.asHandle.spawnSleeper("deep") {
        var here = 0
        _ = withUnsafeMutablePointer(to: &here) { descend(below: UInt(bitPattern: $0) - 100_000) }
      }
      stage.afterTurns(2) {
        for job in stage.jobs {
          let bytes = job.stackBytes ?? 0
          stage.note("\(job.name): \(bytes % 4096 == 0) \(bytes > 0 && bytes < 100_000) \(bytes > 100_000)")
        }
        scope.cancel(.called)
      }
    }
    #expect(steps == ["shallow: true true false", "deep: true false true"])
  }
}

/// How many calls it takes until the stack is below `limit`.
@inline(never)
private func descend(below limit: UInt) -> Int {
  var here = 0
  return withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) > limit ? descend(below: limit) + 1 : 1 }
}
