import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct JobLimits {
  @Test func `The job limit of a scope applies to this scope only, and counts jobs that are alive`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild { $0.max_jobs = 2 }.scope!
        let statuses = (0..<3).map { _ in child.spawn(ended: { _, _ in }) { _ in .ok }.status }
        stage.note("\(statuses) \(scope.spawn(ended: { _, _ in }) { _ in .ok }.status)")
        _ = child.joinAll()
        stage.note("\(child.spawn(ended: { _, _ in }) { _ in .ok }.status)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["[OK, OK, LIMIT] OK", "OK", "opener ends completed OK"])
  }

  @Test func `The job limit of a request counts the jobs of the scopes below too`() throws {
    let steps = try Stage.play(limits: RuntimeLimits(jobsPerRequest: 3)) { stage in
      let request = stage.open("", kind: .request)
      request.spawn("opener") { scope in
        let child = scope.openChild().scope!
        let below = child.openChild().scope!
        let statuses = [child, below, scope].map { $0.spawn(ended: { _, _ in }) { $0.sleep() }.status }
        stage.note("\(statuses) \(ScopePointer.of(scope).pointee.requestJobCount)")
        return child.closeChild()
      }
      stage.afterTurns(4) {
        stage.note("\(request.pointee.requestJobCount)")
        request.cancel(.called)
      }
    }
    #expect(steps == ["[OK, OK, LIMIT] 4", "opener ends completed OK", "0"])
  }
}

@Suite struct FailingFast {
  @Test func `A fail-fast scope is cancelled when its first job fails`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild { $0.flags = AMBIT_FAIL_FAST }.scope!
        child.spawn("fine") { _ in .ok }
        child.spawn("failing") { _ in .timedOut }
        child.spawn("waiting") { $0.sleep() }
        stage.note("\(child.joinAll()) \(child.cause) \(scope.cause)")
        stage.note("\(child.closeChild())")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "fine ends completed OK", "failing ends failed TIMED_OUT", "waiting ends cancelled CANCELLED",
        "CANCELLED failed none", "OK", "opener ends completed OK",
      ])
  }

  @Test func `A scope stays open when its jobs are cancelled, or when it is not fail-fast`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let fast = scope.openChild { $0.flags = AMBIT_FAIL_FAST }.scope!
        let patient = scope.openChild().scope!
        fast.spawn("cancelled") { _ in .cancelled }
        patient.spawn("failing") { _ in .failed }
        stage.note("\(fast.joinAll()) \(fast.cause) \(patient.joinAll()) \(patient.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps.contains("OK none FAILED none"))
  }
}
