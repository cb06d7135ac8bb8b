import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct WaitingForAThread {
  /// Plays with a pool of one thread, which `scene` finds taken by a job until it opens the latch.
  private func play(_ scene: @escaping @Sendable (Stage, ScopePointer, Latch<Void>) -> Void) throws -> [String] {
    try Stage.play(pool: ThreadPool.Limits(threads: 1, queue: 8)) { stage in
      let (held, began) = (Latch<Void>(), Latch<Void>())
      let holder = stage.open("")
      holder.asHandle.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in holder.cancel(.called) }) { _ in
        began.arrive(())
        _ = held.wait()
        return .ok
      }
      stage.afterTurns(1) {
        _ = began.wait()
        scene(stage, stage.open("request", kind: .request), held)
      }
    }
  }

  private func onThread(_ options: inout ambit_job_options) { options.flags = AMBIT_JOB_THREAD }

  @Test func `A cancelled job that waits for a thread never runs, and its hook runs at once`() throws {
    let steps = try play { stage, request, held in
      for name in ["with its scope", "alone"] {
        let ended = { stage.note("\(name): \($0) \($1)") } as (Outcome, Status) -> Void
        let job = request.asHandle.spawn(options: onThread, ended: ended) { _ in
          stage.note("runs")
          return .ok
        }.job
        if name == "alone" { stage.afterTurns(2) { request.asHandle.cancel(job) } }
      }
      stage.afterTurns(4) { request.cancel(.disconnect) }
      stage.afterTurns(6) { held.arrive(()) }
    }
    #expect(
      steps == ["alone: cancelled CANCELLED", "with its scope: cancelled CANCELLED", "request closes: disconnect"])
  }

  @Test func `A job that was spawned before its request was done still gets its thread`() throws {
    let steps = try play { stage, request, held in
      let ran = Latch<Status>()
      request.asHandle.spawn(
        options: onThread, ended: { outcome, _ in stage.note("\(outcome), waits are \(ran.arrived)") }
      ) { scope in
        ran.arrive(scope.sleep(0))
        return .ok
      }
      stage.end(request)
      stage.afterTurns(3) {
        stage.note("\(request.pointee.cause)")
        held.arrive(())
      }
    }
    #expect(steps == ["done", "completed, waits are [CANCELLED]", "request closes: done"])
  }

  @Test func `A cancel ends the wait of a blocking call, which then has not happened`() throws {
    let steps = try play { stage, request, held in
      request.spawn("job") { scope in
        Status(
          rawValue: ambit_block(
            scope,
            { _ in
              Stage.current.note("runs")
              return 0
            }, nil))
      }
      stage.afterTurns(2) { request.cancel(.deadline) }
      stage.afterTurns(4) { held.arrive(()) }
    }
    #expect(steps == ["job ends cancelled CANCELLED", "request closes: deadline"])
  }

  @Test func `A cancel ends the wait of a handler, which then is not called`() throws {
    let steps = try play { stage, request, held in
      request.hold()
      request.runHostJob("work") { scope in
        let job = scope.pointee.loop.pointee.current!
        let code = (try? job.runHandlerOnThread(in: scope) { _ in 7 }) ?? -99
        Stage.current.note("handler: \(Status(rawValue: code))")
        scope.release()
      }
      stage.afterTurns(2) { request.cancel(.disconnect) }
      stage.afterTurns(4) { held.arrive(()) }
    }
    #expect(steps == ["handler: CANCELLED", "request closes: disconnect"])
  }

  @Test func `A ticker misses its ticks when the pool takes no more work`() throws {
    let steps = try Stage.play(pool: ThreadPool.Limits(threads: 1, queue: 0)) { stage in
      let scope = stage.open("")
      let (held, ticked) = (Latch<Void>(), Latch<Void>())
      scope.asHandle.spawn(options: onThread, ended: { _, _ in }) { _ in
        _ = held.wait()
        return .ok
      }
      var options = ambit_default_job_options(nil)
      options.flags = AMBIT_JOB_THREAD
      options.on_end = { _, outcome, code in Stage.current.note("ticker ends \(outcome) \(code)") }
      let tick: ambit_job_fn = { scope, ticked in
        Unmanaged<Latch<Void>>.fromOpaque(ticked!).takeUnretainedValue().arrive(())
        ambit_cancel(scope)
        return 7
      }
      stage.subject = ticked
      var job: OpaquePointer?
      _ = ambit_every(scope.asHandle, 1_000_000, tick, Unmanaged.passUnretained(ticked).toOpaque(), &options, &job)
      let first = JobPointer(job!).pointee.ticks.due
      stage.once({ JobPointer(job!).pointee.ticks.due > first + 2_000_000 }) {
        stage.note("ticks missed: \(!ticked.isOpen)")
        held.arrive(())
      }
    }
    #expect(steps == ["ticks missed: true", "ticker ends 0 7"])
  }
}

extension Stage {
  /// Runs `work` as the loop's own code, in the first turn that finds `condition` true.
  fileprivate func once(_ condition: @escaping () -> Bool, _ work: @escaping () -> Void) {
    afterTurns(1) { if condition() { work() } else { self.once(condition, work) } }
  }
}
