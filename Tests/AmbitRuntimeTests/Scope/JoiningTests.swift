import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

extension Stage {
  /// Joins the job as the running one, and notes what that tells: the status, whether it has failed, its code.
  fileprivate func noteJoin(of job: OpaquePointer?, in scope: ScopeHandle) {
    var outcome: ambit_outcome = -1
    var code: Int32 = 0
    let status = ambit_join(scope, job, -1, &outcome, &code)
    note("\(Status(rawValue: status)): \(outcome == AMBIT_JOB_FAILED) \(Status(rawValue: code))")
  }
}

@Suite struct Joining {
  @Test func `A join waits for the job and its hook, and tells how the job ended`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { scope in
        _ = scope.yield()
        return .limit
      }
      scope.spawn("joiner") { scope in
        stage.noteJoin(of: job, in: scope)
        return scope.join(job)
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["job ends failed LIMIT", "OK: true LIMIT", "joiner ends completed OK"])
  }

  @Test func `The end of a job wakes all jobs that wait for it`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { $0.yield() }
      for name in ["one", "two", "three"] { scope.spawn(name) { $0.join(job) } }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["job", "one", "two", "three"].map { "\($0) ends completed OK" })
  }

  @Test func `A join tells that a job was cancelled before its first turn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("joiner") { scope in
        let job = scope.spawn("job") { _ in .ok }
        scope.cancel(job)
        var outcome: ambit_outcome = -1
        let status = ambit_join(scope, job, -1, &outcome, nil)
        stage.note("\(Status(rawValue: status)): \(outcome == AMBIT_JOB_CANCELLED)")
        return .ok
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["job ends cancelled CANCELLED", "OK: true", "joiner ends completed OK"])
  }

  @Test func `A join ends after its timeout, and the job goes on`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { $0.sleep() }
      scope.spawn("joiner") { scope in
        stage.note("\(scope.join(job, timeout: 0)) \(scope.joinAll(timeout: 0))")
        stage.note("\(scope.join(job, timeout: 1_000)) \(scope.joinAll(timeout: 1_000))")
        scope.cancel(job)
        return scope.join(job)
      }
      scope.spawn("all") { scope in
        let status = scope.joinAll()
        scope.cancel()
        return status
      }
    }
    #expect(
      steps == [
        "TIMED_OUT TIMED_OUT", "TIMED_OUT TIMED_OUT", "job ends cancelled CANCELLED", "joiner ends completed OK",
        "all ends completed OK",
      ])
  }

  @Test func `A job cannot join itself`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var own: OpaquePointer?
      own = scope.spawn("job") { $0.join(own) }
      stage.end(scope)
    }
    #expect(steps == ["job ends failed INVALID"])
  }

  @Test func `A join returns the end of a job that ends in the turn of the cancel`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let job = scope.spawn("job") { $0.yield() }
      scope.spawn("joiner") { scope in
        stage.note("\(scope.join(job)), then \(scope.join(job))")
        return .ok
      }
      scope.spawn("canceller") { scope in
        _ = scope.yield()
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "job ends completed OK", "canceller ends completed OK", "OK, then CANCELLED", "joiner ends completed OK",
      ])
  }

  @Test func `join_all waits for the other jobs, also for jobs spawned meanwhile`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("gatherer") { $0.joinAll() }
      scope.spawn("parent") { scope in
        scope.spawn("child") { $0.yield() }
        return .ok
      }
      stage.afterTurns(4) { stage.end(scope) }
    }
    #expect(
      steps == ["parent ends completed OK", "child ends completed OK", "gatherer ends completed OK"])
  }

  @Test func `join_all reports that a job has failed, also one that ended before`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { _ in .closed }
      scope.spawn("gatherer") { $0.joinAll() }
      stage.end(scope)
    }
    #expect(steps == ["job ends failed CLOSED", "gatherer ends failed FAILED"])
  }

  @Test func `join_all does not count cancelled jobs as failed`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("gatherer") { scope in
        scope.cancel(scope.spawn("job") { $0.sleep() })
        return scope.joinAll()
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(steps == ["job ends cancelled CANCELLED", "gatherer ends completed OK"])
  }

  @Test func `A join tells how a job ended although its scope is closed before the joiner's turn`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild().scope!
        let job = child.spawn("job") { child in
          _ = child.sleep()
          return .limit
        }
        scope.spawn("joiner") { scope in
          stage.noteJoin(of: job, in: scope)
          return .ok
        }
        // What takes the record of a job that is gone.
        scope.spawn("spawner") { scope in
          for _ in 0..<4 where scope.yield() == .ok { scope.spawn("other") { _ in .ok } }
          return .ok
        }
        _ = scope.yield()
        stage.note("closed: \(child.closeChild())")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps.filter { $0.contains(":") } == ["OK: true LIMIT", "closed: OK"])
  }

  @Test func `join_all reports that a job has failed although the scope is closed before the joiner's turn`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild().scope!
        var hasFailed = false
        child.spawn("job") { child in
          _ = child.yield()
          hasFailed = true
          return .closed
        }
        scope.spawn("gatherer") { _ in child.joinAll() }
        while !hasFailed { _ = scope.yield() }
        stage.note("\(child.closeChild())")
        // What takes the record of a scope that is gone.
        _ = scope.openChild()
        _ = scope.yield()
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == ["job ends failed CLOSED", "OK", "gatherer ends failed FAILED", "opener ends completed OK"]
        || steps == ["job ends failed CLOSED", "gatherer ends failed FAILED", "OK", "opener ends completed OK"])
  }
}
