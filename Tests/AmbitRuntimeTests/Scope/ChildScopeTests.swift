import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct ChildScopes {
  @Test func `Child scopes that nobody closes are closed before their parent, the last opened first`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.asHandle.deferring { stage.note("request undone") }
      scope.spawn("opener") { scope in
        for name in ["first", "second"] {
          let child = scope.openChild().scope!
          child.deferring { stage.note("\(name) undone") }
          child.openChild().scope!.deferring { stage.note("below \(name) undone") }
        }
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "opener ends completed OK", "below second undone", "second undone", "below first undone", "first undone",
        "request undone", "request closes: called",
      ])
  }

  @Test func `A child scope stays usable for the code that opened it until that code returns`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.deferring { stage.note("child undone") }
        let memory = ambit_alloc(child, 16)!.assumingMemoryBound(to: UInt8.self)
        stage.note("\(scope.sleep()) \(child.cause)")
        memory[15] = 7
        stage.note("\(child.spawn(ended: { stage.note("late \($0) \($1)") }) { _ in .ok }.status)")
        stage.note("\(child.openChild().status) \(scope.shield()) \(scope.sleep(1)) \(memory[15])")
        return .ok
      }
      stage.afterTurns(2) { scope.cancel(.disconnect) }
    }
    #expect(
      steps == [
        "CANCELLED disconnect", "CANCELLED", "late cancelled CANCELLED", "CANCELLED OK OK 7",
        "opener ends completed OK", "child undone", "request closes: disconnect",
      ])
  }

  @Test func `Child scopes close after the jobs of the whole tree have ended`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("opener") { scope in
        let first = scope.openChild().scope!
        let second = scope.openChild().scope!
        first.deferring { stage.note("first undone") }
        second.deferring { stage.note("second undone") }
        first.spawn("inner") { inner in
          _ = inner.sleep()
          stage.note("second still there: \(second.cause) \(ambit_alloc(second, 1) != nil)")
          return .ok
        }
        return .ok
      }
      stage.afterTurns(3) { scope.cancel(.called) }
    }
    #expect(
      steps == [
        "opener ends completed OK", "second still there: called true", "inner ends completed OK", "second undone",
        "first undone", "request closes: called",
      ])
  }

  @Test func `The end of a request wakes its job that waits in a child of the plugin's scope`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      request.spawn("job") { _ in
        let child = plugin.asHandle.openChild().scope!.openChild().scope!
        stage.note("\(child.sleep()) \(child.cause)")
        return .ok
      }
      stage.afterTurns(2) {
        request.cancel(.disconnect)
        stage.afterTurns(2) { plugin.cancel(.retired) }
      }
    }
    #expect(
      steps == [
        "CANCELLED none", "job ends completed OK", "request closes: disconnect", "plugin closes: retired",
      ])
  }

  @Test func `ambit_open refuses a cancelled scope, too deep a scope, and unknown options`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      stage.note("\(scope.asHandle.openChild { $0.flags = 2 }.status)")
      var depth = 0
      var deepest = scope.asHandle
      while let child = deepest.openChild().scope {
        deepest = child
        depth += 1
      }
      stage.note("\(deepest.openChild().status) after \(depth)")
      scope.cancel(.called)
    }
    #expect(steps == ["INVALID", "LIMIT after 63"])
  }

  @Test func `ambit_open reads no more of its options than the plugin knows`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let child = scope.asHandle.openChild { options in
        options.size = MemoryLayout<ambit_scope_options>.offset(of: \.max_jobs)!
        options.max_jobs = 1
        options.flags = .max
      }
      stage.note("\(child.status) \(ScopePointer.of(child.scope!).pointee.maxJobs == .max)")
      scope.cancel(.called)
    }
    #expect(steps == ["OK true"])
  }

  @Test(arguments: [Int.max, Int.min, -1])
  func `ambit_open reads no more of its options than the host knows, whatever size the plugin names`(size: Int) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let child = scope.asHandle.openChild { options in
        options.size = size
        options.max_jobs = 1
      }
      stage.note("\(child.status) \(ScopePointer.of(child.scope!).pointee.maxJobs)")
      scope.cancel(.called)
    }
    #expect(steps == ["OK 1"])
  }

  @Test func `Child scopes use the same records again`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        var records: Set<ScopeHandle> = []
        for _ in 0..<10_000 {
          let child = scope.openChild().scope!
          records.insert(child)
          guard child.closeChild() == .ok else { return .failed }
        }
        stage.note("\(records.count), \(stage.loop.pointee.liveScopes) scopes live")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["1, 2 scopes live", "opener ends completed OK"])
  }
}
