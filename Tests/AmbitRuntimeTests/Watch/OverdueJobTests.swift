import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct `A cancelled job` {
  private static let shortGrace = RuntimeLimits(cancelGrace: 2_000_000)

  @Test func `A cancelled job that does not return counts as stuck until it returns`() throws {
    let steps = try Stage.play(limits: Self.shortGrace) { stage in
      let scope = stage.open("")
      scope.spawn("stubborn") { handle in
        handle.cancel()
        handle.untilStuck(stage, is: 1)
        stage.note("stuck: \(stage.jobs.map(\.isStuck))")
        return .ok
      }
      scope.asHandle.deferring { stage.note("stuck: \(stage.loop.pointee.stuckJobs)") }
    }
    #expect(steps == ["stuck: [true]", "stubborn ends completed OK", "stuck: 0"])
  }

  @Test func `A cancelled job that returns in time never counts as stuck`() throws {
    let steps = try Stage.play(limits: Self.shortGrace) { stage in
      let parent = stage.open("")
      let scope = stage.open("", below: parent)
      scope.spawn("well-behaved") { $0.sleep() }
      parent.asHandle.deferring { stage.note("watched: \(stage.hasEndingScopes)") }
      stage.afterTurns(1) {
        scope.cancel(.called)
        stage.note("watched: \(stage.hasEndingScopes)")
      }
      stage.afterTurns(4) { parent.cancel(.called) }
    }
    #expect(steps == ["watched: true", "well-behaved ends cancelled CANCELLED", "watched: false"])
  }

  @Test func `A shielded job is not stuck before the shield time is used up, and is afterwards`() throws {
    let steps = try Stage.play(limits: RuntimeLimits(cancelGrace: 300_000_000)) { stage in
      let scope = stage.open("")
      scope.spawn("shielded") { handle in
        handle.cancel()
        _ = handle.shield()
        stage.note("\(handle.sleep(10_000_000)) stuck: \(stage.loop.pointee.stuckJobs)")
        handle.untilStuck(stage, is: 1)
        return .ok
      }
    }
    #expect(steps == ["OK stuck: 0", "shielded ends completed OK"])
  }

  @Test func `A backtrace shows the calls of a waiting job`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { $0.sleep() }
      stage.afterTurns(2) {
        let job = JobPointer.of(sibling: scope.jobsLink.pointee.next)
        let backtrace = Backtrace(of: job.pointee.fiber!)
        // The switch's caller, the wait, the call, the closure, the job's body, the fiber's start at the least.
        stage.note("\(backtrace.frames.count > 5) \(backtrace.text.hasPrefix("#0 "))")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["true true", "job ends cancelled CANCELLED"])
  }
}

extension Stage {
  /// Whether the loop has cancelled scopes whose jobs are to return.
  fileprivate var hasEndingScopes: Bool { !loop.pointer(to: \.ending)!.isAlone }
}

extension ScopeHandle {
  /// Repeats a wait until so many jobs of the loop count as stuck: each wait is cancelled, and held up by the host.
  fileprivate func untilStuck(_ stage: Stage, is count: Int) {
    while stage.loop.pointee.stuckJobs != count { _ = sleep(1_000_000) }
  }
}
