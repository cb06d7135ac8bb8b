import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

extension ScopePointer {
  /// Spawns a job with AMBIT_JOB_ONCE whose hook notes how it ended.
  @discardableResult
  fileprivate func spawnOnce(
    _ name: String, thread: Bool = false, timeout: Int64 = 0, _ body: @escaping (ScopeHandle) -> Status
  ) -> Spawned {
    asHandle.spawn(
      options: {
        $0.flags = AMBIT_JOB_ONCE | (thread ? AMBIT_JOB_THREAD : 0)
        $0.timeout = timeout
      }, ended: { outcome, code in Stage.current.note("\(name) ends \(outcome) \(code)") }, body: body)
  }

  /// Starts a ticker with AMBIT_JOB_ONCE.
  fileprivate func everyOnce(_ interval: Int64, _ name: String, _ tick: @escaping (ScopeHandle) -> Status) {
    asHandle.every(interval, name, options: { $0.flags = AMBIT_JOB_ONCE }, tick)
  }

  /// Retires the generation, which goes on, as the host does.
  fileprivate func retireGeneration() {
    pointee.generation!.pointee.onceJobs!.retire()
    retire(drain: .max)
  }
}

extension Stage {
  /// Designates the worker for jobs with AMBIT_JOB_ONCE, or not, and notes when none runs any more.
  fileprivate func designate(_ isDesignated: Bool) {
    group.setRunsOnceJobs(isDesignated) { [self] in note("none runs, \(group.onceJobsHaveEnded)") }
  }

  /// Calls `body` in a turn in which `condition` holds.
  fileprivate func when(_ condition: @escaping () -> Bool, _ body: @escaping () -> Void) {
    if condition() { return body() }
    afterTurns(1) { self.when(condition, body) }
  }
}

@Suite struct `Jobs that run in one worker at a time` {
  private static let hour: Int64 = 3_600_000_000_000

  @Test(arguments: [false, true])
  func `A job waits without a stack until its worker is designated`(thread: Bool) throws {
    let steps = try Stage.play(runsOnceJobs: false) { stage in
      let plugin = stage.openPlugin()
      plugin.spawnOnce("once", thread: thread) { scope in
        scope.cancel()
        return Status(rawValue: 7)
      }
      stage.afterTurns(2) {
        let job = stage.jobs[0]
        stage.note("\(job.state) \(job.wait?.kind.rawValue ?? "nothing") \(job.stackBytes ?? 0)")
        stage.note(job.wait!.time < Self.hour ? "since its spawn" : "for \(job.wait!.time) ns")
        stage.designate(true)
      }
    }
    #expect(steps == ["suspended once 0", "since its spawn", "once ends completed 7", "plugin closes: called"])
  }

  @Test func `A worker that is designated from the start runs the job at once, a second time as well`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      for name in ["one", "two"] { plugin.spawnOnce(name) { $0.sleep(1) } }
      plugin.endAfterJobs()
    }
    #expect(steps == ["one ends completed OK", "two ends completed OK", "plugin closes: called"])
  }

  @Test func `A job that waits never runs if it is cancelled or its scope ends first, and its hook is told so`() throws
  {
    let steps = try Stage.play(runsOnceJobs: false) { stage in
      let plugin = stage.openPlugin()
      let one = plugin.spawnOnce("one") { _ in .failed }
      plugin.spawnOnce("two", thread: true) { _ in .failed }
      plugin.spawn("joiner") { scope in
        scope.cancel(one.job)
        stage.note("join: \(scope.join(one.job))")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "one ends cancelled CANCELLED", "join: OK", "joiner ends completed OK", "two ends cancelled CANCELLED",
        "plugin closes: called",
      ])
  }

  @Test func `The timeout of a job counts from its begin`() throws {
    let steps = try Stage.play(runsOnceJobs: false) { stage in
      let plugin = stage.openPlugin()
      plugin.spawnOnce("once", timeout: 1_000_000) { scope in
        stage.note("\(scope.sleep()) \(scope.cause)")
        scope.cancel()
        return .ok
      }
      let start = Clock.monotonic
      stage.when({ Clock.monotonic > start + 5_000_000 }) { stage.designate(true) }
    }
    #expect(steps == ["CANCELLED deadline", "once ends completed OK", "plugin closes: called"])
  }

  @Test func `A ticker misses its ticks until its worker is designated`() throws {
    let steps = try Stage.play(runsOnceJobs: false) { stage in
      let plugin = stage.openPlugin()
      var isDesignated = false
      plugin.everyOnce(1_000, "ticker") { scope in
        stage.note(isDesignated ? "tick" : "a tick too early")
        scope.cancel()
        return .ok
      }
      let start = Clock.monotonic
      stage.when({ Clock.monotonic > start + 5_000_000 }) {
        isDesignated = true
        stage.designate(true)
      }
    }
    #expect(steps == ["tick", "ticker ends cancelled CANCELLED", "plugin closes: called"])
  }

  @Test(arguments: [false, true])
  func `A worker that is not designated any more cancels the jobs that run, and says when they have ended`(
    thread: Bool
  ) throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      let isRunning = Latch<Void>()
      plugin.spawnOnce("once", thread: thread) { scope in
        isRunning.arrive(())
        let status = scope.sleep()
        let cause = scope.cause
        ambit_shield(scope, true)
        // Nobody may be designated meanwhile.
        _ = scope.sleep(1_000_000)
        return cause == .retired ? status : .failed
      }
      plugin.spawn("other") { $0.sleep() }
      stage.when({ isRunning.isOpen && stage.waiting(in: plugin) == 2 }) {
        stage.designate(false)
        stage.note("ended: \(stage.group.onceJobsHaveEnded)")
        plugin.spawnOnce("later") { _ in .failed }
        stage.when({ stage.group.onceJobsHaveEnded }) { plugin.cancel(.shutdown) }
      }
    }
    #expect(
      steps == [
        "ended: false", "once ends cancelled CANCELLED", "none runs, true", "other ends cancelled CANCELLED",
        "later ends cancelled CANCELLED", "plugin closes: shutdown",
      ])
  }

  @Test func `A job that computes learns that its worker is not designated any more`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      plugin.spawnOnce("once") { scope in
        stage.designate(false)
        let end = Clock.monotonic + 10_000_000_000
        while scope.cause == .none, Clock.monotonic < end {}
        stage.note("\(scope.cause)")
        plugin.endAfterJobs()
        return .cancelled
      }
    }
    #expect(
      steps == ["retired", "once ends cancelled CANCELLED", "none runs, true", "plugin closes: called"])
  }

  @Test func `A ticker whose tick was cancelled for that ticks again when its worker is designated again`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      var ticks = 0
      plugin.everyOnce(1_000, "ticker") { scope in
        ticks += 1
        if ticks == 1 { return scope.sleep() }
        stage.note("tick \(ticks), \(scope.cause)")
        scope.cancel()
        return .ok
      }
      stage.when({ ticks == 1 }) {
        stage.designate(false)
        stage.when({ stage.group.onceJobsHaveEnded }) { stage.designate(true) }
      }
    }
    #expect(
      steps == ["none runs, true", "tick 2, none", "ticker ends cancelled CANCELLED", "plugin closes: called"])
  }

  @Test func `A ticker that the plugin cancels as well ends with its tick`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      var ticks = 0
      let ticker = plugin.asHandle.every(1_000, "ticker", options: { $0.flags = AMBIT_JOB_ONCE }) { scope in
        ticks += 1
        return scope.sleep()
      }
      stage.when({ ticks == 1 }) {
        stage.designate(false)
        plugin.spawn("canceller") { scope in
          scope.cancel(ticker.job)
          return scope.join(ticker.job)
        }
        plugin.endAfterJobs()
      }
    }
    #expect(
      steps == [
        "ticker ends cancelled CANCELLED", "none runs, true", "canceller ends completed OK", "plugin closes: called",
      ])
  }

  @Test func `A job that waits for a thread goes back to waiting for its worker, and runs once`() throws {
    let steps = try Stage.play(pool: ThreadPool.Limits(threads: 1)) { stage in
      let plugin = stage.openPlugin()
      let release = Latch<Void>()
      plugin.asHandle.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in }) { _ in
        release.wait() == nil ? .failed : .ok
      }
      plugin.spawnOnce("once", thread: true) { scope in
        scope.cancel()
        return .ok
      }
      stage.afterTurns(3) {
        stage.designate(false)
        stage.afterTurns(2) {
          stage.note("\(stage.jobs[1].wait?.kind.rawValue ?? "nothing")")
          release.arrive(())
          stage.designate(true)
        }
      }
    }
    #expect(steps == ["none runs, true", "once", "once ends completed OK", "plugin closes: called"])
  }

  @Test func `A job of a new generation begins when the old one is retired and its jobs have ended`() throws {
    let steps = try Stage.play { stage in
      let (old, new) = (stage.openPlugin("old"), stage.openPlugin("new"))
      old.spawnOnce("old job") { scope in
        let status = scope.sleep()
        stage.note("\(scope.cause)")
        return status
      }
      new.spawnOnce("new job") { scope in
        stage.note("new job begins")
        scope.cancel()
        old.cancel(.retired)
        return .ok
      }
      let request = stage.open("request", kind: .request, below: old)
      request.spawn("request job") { $0.sleep() }
      stage.afterTurns(3) {
        stage.note("\(stage.jobs.map { $0.wait?.kind.rawValue ?? "nothing" })")
        old.retireGeneration()
      }
    }
    #expect(
      steps.prefix(4) == [
        #"["sleep", "sleep", "once"]"#, "retired", "old job ends cancelled CANCELLED", "new job begins",
      ])
    #expect(steps.contains("request closes: retired"), "requests of the old generation go on meanwhile")
  }

  @Test func `The flag is for the plugin's scope only, and the hook of a refused job still runs once`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      let request = stage.open("", kind: .request, below: plugin)
      let child = ScopePointer.of(plugin.asHandle.openChild().scope!)
      for scope in [request, child] { stage.note("\(scope.spawnOnce("job") { _ in .failed }.status)") }
      request.endAfterJobs()
      plugin.endAfterJobs()
    }
    #expect(
      steps == [
        "INVALID", "INVALID", "job ends cancelled INVALID", "job ends cancelled INVALID", "plugin closes: called",
      ])
  }
}
