import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Spawning {
  @Test func `Each spawned job gets its first turn after the call, in order`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      for name in ["first", "second"] {
        scope.spawn(name) { _ in
          stage.note("\(name) runs")
          return .ok
        }
      }
      stage.note("spawned")
      stage.end(scope)
    }
    #expect(
      steps == [
        "spawned", "first runs", "first ends completed OK", "second runs", "second ends completed OK",
        "request closes: done",
      ])
  }

  @Test(arguments: [
    (0, "completed OK"), (7, "completed 7"), (-1, "cancelled CANCELLED"), (-10, "failed FAILED"), (-77, "failed -77"),
  ])
  func `The hook of a job gets its outcome and its code`(code: Int32, ending: String) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { _ in Status(rawValue: code) }
      stage.end(scope)
    }
    #expect(steps == ["job ends \(ending)"])
  }

  @Test func `A job spawned into a cancelled scope has no handle, and only its hook runs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.hold()
      scope.cancel(.called)
      let spawned = scope.asHandle.spawn(ended: { stage.note("ends \($0) \($1)") }) { _ in
        stage.note("ran")
        return .ok
      }
      stage.note("\(spawned.status), \(spawned.job == nil ? "no handle" : "a handle")")
      scope.release()
    }
    #expect(steps == ["CANCELLED, no handle", "ends cancelled CANCELLED", "request closes: called"])
  }

  @Test func `ambit_spawn refuses unknown options, and the hook still runs once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let asked: [(inout ambit_job_options) -> Void] = [
        { $0.flags = 1 << 31 }, { $0.stack_size = 64 << 20 | 1 },
        { ($0.stack_size, $0.flags) = (.max, AMBIT_JOB_THREAD) },
      ]
      for options in asked {
        let spawned = scope.asHandle.spawn(options: options, ended: { stage.note("ends \($0) \($1)") }) { _ in .ok }
        stage.note("\(spawned.status), \(spawned.job == nil ? "no handle" : "a handle")")
      }
      stage.end(scope)
    }
    let refusals = ["INVALID", "LIMIT", "LIMIT"]
    #expect(
      steps == refusals.map { "\($0), no handle" } + refusals.map { "ends cancelled \($0)" } + ["request closes: done"])
  }

  @Test func `ambit_spawn refuses a missing function, and the hook still runs once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      var options = ambit_default_job_options(nil)
      options.on_end = { _, outcome, code in
        Stage.current.note("ends \(Outcome(rawValue: UInt8(outcome))!) \(Status(rawValue: code))")
      }
      stage.note("\(Status(rawValue: ambit_spawn(scope.asHandle, nil, nil, &options, nil)))")
      stage.end(scope)
    }
    #expect(steps == ["INVALID", "ends cancelled INVALID", "request closes: done"])
  }

  @Test func `ambit_spawn reads no more of its options than the plugin knows`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let spawned = scope.asHandle.spawn(
        options: {
          $0.size = MemoryLayout<ambit_job_options>.offset(of: \.flags)!
          $0.flags = .max
        }, ended: { _, _ in stage.note("hook runs") }
      ) { _ in
        stage.note("job runs")
        return .ok
      }
      stage.note("\(spawned.status)")
      stage.end(scope)
    }
    #expect(steps == ["OK", "job runs", "request closes: done"])
  }

  @Test(arguments: [Int.max, Int.min, -1, MemoryLayout<ambit_job_options>.size + 1])
  func `ambit_spawn reads no more of its options than the host knows, whatever size the plugin names`(size: Int) throws
  {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawn(
        options: { $0.size = size }, ended: { outcome, _ in stage.note("\(outcome)") }, body: { _ in .ok })
      stage.end(scope)
    }
    #expect(steps == ["completed"])
  }

  @Test func `ambit_spawn reads nothing of a pointer that lies half within the options`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let spawned = scope.asHandle.spawn(
        options: {
          $0.size = MemoryLayout<ambit_job_options>.offset(of: \.name)! + 1
          $0.name = UnsafePointer(bitPattern: 1)
        }, ended: { _, _ in }, body: { _ in .ok })
      stage.note("\(spawned.status) \(JobPointer(spawned.job!).pointee.name.isEmpty)")
      stage.end(scope)
    }
    #expect(steps == ["OK true"])
  }

  @Test func `A request takes no more jobs than its limit, and takes more when some have ended`() throws {
    let steps = try Stage.play(limits: RuntimeLimits(jobsPerRequest: 2)) { stage in
      let scope = stage.open("request", kind: .request)
      let statuses = (0..<3).map { _ in scope.asHandle.spawn(ended: { stage.note("ends \($0) \($1)") }) { $0.yield() } }
      stage.note(statuses.map { "\($0.status)" }.joined(separator: " "))
      stage.afterTurns(3) {
        stage.note("\(scope.asHandle.spawn(ended: { _, _ in }) { _ in .ok }.status)")
        stage.end(scope)
      }
    }
    #expect(
      steps == [
        "OK OK LIMIT", "ends completed OK", "ends completed OK", "ends cancelled LIMIT", "OK", "request closes: done",
      ])
  }

  @Test func `The jobs of a plugin's scope have no limit`() throws {
    let steps = try Stage.play(limits: RuntimeLimits(jobsPerRequest: 1)) { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let spawned = (0..<10).map { _ in plugin.asHandle.spawn(ended: { _, _ in }) { _ in .ok } }
      stage.note("\(spawned.filter { $0.status == .ok }.count) spawned")
      plugin.cancel(.shutdown)
    }
    #expect(steps == ["10 spawned", "plugin closes: shutdown"])
  }

  @Test func `A job and a hook may spawn jobs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.asHandle.spawn(ended: { _, _ in scope.spawn("of the hook") { _ in .ok } }) { scope in
        scope.spawn("of the job") { _ in .ok }
        return .ok
      }
      stage.afterTurns(4) { stage.end(scope) }
    }
    #expect(steps == ["of the job ends completed OK", "of the hook ends completed OK", "request closes: done"])
  }

  @Test func `The timeout of a job cancels this job only`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let other = scope.spawn("other") { $0.sleep() }
      scope.spawn("job", timeout: 1_000_000) { job in
        let status = job.sleep()
        stage.note("\(status), then \(job.yield()), scope \(ScopePointer.of(job).pointee.cause)")
        job.cancel(other)
        stage.end(scope)
        return .ok
      }
    }
    #expect(
      steps == [
        "CANCELLED, then CANCELLED, scope none", "job ends completed OK", "other ends cancelled CANCELLED",
        "request closes: done",
      ])
  }

  /// With the word that the C library keeps with each piece of memory, 192.
  @Test func `A job takes no more than 184 bytes beside its stack`() {
    #expect(MemoryLayout<Job>.size <= 184)
  }
}
