import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct CancelledWaits {
  @Test func `A job that repeats a cancelled wait lets the loop turn, and is reported once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("stubborn") { scope in
        _ = scope.sleep()
        let job = JobPointer.ofThisThread!
        let turn = stage.loop.pointee.turn
        for _ in 0..<15 where scope.sleep(1) != .cancelled { return .failed }
        stage.note("reported: \(job.pointee.cancellation.wasReported), turned: \(stage.loop.pointee.turn > turn)")
        for _ in 0..<4 where scope.sleep(1) != .cancelled { return .failed }
        stage.note("reported: \(job.pointee.cancellation.wasReported)")
        stage.note("\(stage.loop.pointee.turn - turn >= 4 ? "a turn" : "no turn") for each wait")
        return .ok
      }
      scope.spawn("other") { scope in
        _ = scope.sleep()
        scope.shield()
        for _ in 0..<4 where scope.yield() != .ok { return .failed }
        return .ok
      }
      stage.afterTurns(2) { scope.cancel(.called) }
    }
    #expect(
      steps == [
        "reported: false, turned: false", "other ends completed OK", "reported: true", "a turn for each wait",
        "stubborn ends completed OK",
      ])
  }

  @Test func `Cancelled waits between other waits are not reported`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        for _ in 0..<50 {
          let child = scope.openChild().scope!
          child.cancel()
          guard child.sleep() == .cancelled, scope.yield() == .ok, child.closeChild() == .ok else { return .failed }
        }
        stage.note("\(JobPointer.ofThisThread!.pointee.cancellation.wasReported)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["false", "job ends completed OK"])
  }
}
