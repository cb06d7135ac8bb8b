import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Shields {
  private static let shortGrace = RuntimeLimits(cancelGrace: 60_000_000)

  /// Runs `body` as a job of a scope that is cancelled two turns later.
  private func play(_ limits: RuntimeLimits = RuntimeLimits(), _ body: @escaping @Sendable (Stage, ScopeHandle) -> Void)
    throws -> [String]
  {
    try Stage.play(limits: limits) { stage in
      let scope = stage.open("")
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        body(stage, scope)
        return .ok
      }
      stage.afterTurns(2) { scope.cancel(.called) }
    }
  }

  @Test func `A shield lets the waits of its job work again until it is taken away`() throws {
    let steps = try play { stage, scope in
      stage.note("\(scope.sleep()) \(scope.sleep(1))")
      stage.note("\(scope.shield()) \(scope.sleep(1_000)) \(scope.yield()) \(scope.joinAll())")
      stage.note("\(scope.shield(false)) \(scope.sleep(1)) \(scope.yield()) \(scope.joinAll())")
    }
    #expect(steps == ["CANCELLED CANCELLED", "OK OK OK OK", "OK CANCELLED CANCELLED CANCELLED"])
  }

  @Test func `A shield lets a wait go on that began before the cancel`() throws {
    let steps = try play { stage, scope in
      scope.shield()
      stage.note("\(scope.sleep(200_000_000)) \(scope.cause)")
    }
    #expect(steps == ["OK called"])
  }

  @Test func `A shield ends when the shield time is used up, also in the middle of a wait`() throws {
    let steps = try play(Self.shortGrace) { stage, scope in
      _ = scope.sleep()
      let start = Clock.monotonic
      stage.note("\(scope.shield()) \(scope.sleep()) \(Clock.monotonic - start >= 60_000_000)")
      stage.note("\(scope.sleep(0)) \(scope.shield()) \(scope.sleep(0))")
    }
    #expect(steps == ["OK CANCELLED true", "CANCELLED LIMIT CANCELLED"])
  }

  @Test func `A shield ends when the shield time is used up in a wait that began before the cancel`() throws {
    let steps = try play(Self.shortGrace) { stage, scope in
      scope.shield()
      stage.note("\(scope.sleep()) \(scope.sleep(0)) \(scope.shield())")
    }
    #expect(steps == ["CANCELLED CANCELLED LIMIT"])
  }

  @Test func `The shields of a job share its shield time`() throws {
    let steps = try play(Self.shortGrace) { stage, scope in
      _ = scope.sleep()
      var count = 0
      let start = Clock.monotonic
      while scope.shield() == .ok, scope.sleep(10_000_000) == .ok {
        scope.shield(false)
        count += 1
      }
      stage.note("\(count <= 6), \(Clock.monotonic - start >= 50_000_000)")
    }
    #expect(steps == ["true, true"])
  }

  @Test func `A shield uses no shield time before the cancel`() throws {
    let steps = try Stage.play(limits: Self.shortGrace) { stage in
      stage.open("").spawn("job") { scope in
        scope.shield()
        stage.note("\(scope.sleep(120_000_000))")
        scope.cancel()
        stage.note("\(scope.sleep(1_000_000))")
        return .ok
      }
    }
    #expect(steps == ["OK", "OK", "job ends completed OK"])
  }

  @Test func `A shield does not change the timeout of a wait`() throws {
    let steps = try play { stage, scope in
      _ = scope.sleep()
      scope.shield()
      let job = scope.openChild().status
      let own = OpaquePointer(JobPointer.ofThisThread)
      stage.note("\(job) \(scope.join(own)) \(scope.sleep(0))")
    }
    #expect(steps == ["CANCELLED INVALID OK"])
  }

  @Test func `A shield applies to one job only, also when only that job is cancelled`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let shielded = scope.spawn("shielded") { scope in
        scope.shield()
        return scope.sleep(200_000_000)
      }
      let bare = scope.spawn("bare") { $0.sleep() }
      stage.afterTurns(2) {
        scope.asHandle.cancel(shielded)
        scope.asHandle.cancel(bare)
      }
      scope.spawn("last") { scope in
        _ = scope.joinAll()
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["bare ends cancelled CANCELLED", "shielded ends completed OK", "last ends completed OK"])
  }
}
