import AmbitCore
import AmbitSystem
import CAmbit
import Dispatch
import Glibc
import Testing

@testable import AmbitRuntime

extension ScopeHandle {
  /// Computes until the scope says that it has ended; `none` if it has not after a minute.
  fileprivate func compute() -> Cause { computing { self.cause } }
}

extension Int64 {
  fileprivate static func milliseconds(_ count: Int64) -> Int64 { count * 1_000_000 }
}

/// Keeps the thread until `question` has an answer, or for a minute.
private func computing(_ question: () -> Cause) -> Cause {
  let end = Clock.monotonic + .milliseconds(60_000)
  while Clock.monotonic < end {
    let cause = question()
    if cause != .none { return cause }
  }
  return .none
}

/// Runs `work` on another thread.
private func elsewhere(_ work: @escaping @Sendable () -> Void) {
  DispatchQueue.global().async(execute: work)
}

/// Something that one thread uses after the other.
private struct Passed<Value>: @unchecked Sendable {
  let value: Value
}

/// A job that computes keeps its loop from turning, and asks whether it is cancelled.
@Suite struct AskingWhileComputing {
  @Test func `A job that computes sees its deadline pass, and others are told when it has left the thread`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("sleeper") { scope in
        stage.note("woken: \(scope.sleep())")
        return .ok
      }
      scope.spawn("job") { scope in
        let child = scope.openChild().scope!
        scope.onCancel { stage.note("told: \(scope.cause)") }
        child.onCancel { stage.note("child told") }
        scope.setTimeout(.milliseconds(2))
        stage.note("\(scope.compute()) \(child.cause)")
        stage.note("\(scope.sleep()) \(scope.spawn("late") { _ in .ok } == nil)")
        return .ok
      }
    }
    #expect(
      steps == [
        "deadline deadline", "CANCELLED true", "told: deadline", "child told", "job ends completed OK",
        "woken: CANCELLED", "sleeper ends completed OK", "late ends cancelled CANCELLED", "request closes: deadline",
      ])
  }

  @Test func `A job that computes sees the deadlines of its scope and of the scopes above, and no others`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("job") { scope in
        let (early, late) = (scope.openChild().scope!, scope.openChild().scope!)
        early.setTimeout(.milliseconds(1))
        stage.note("\(early.compute()), \(scope.cause), \(late.cause)")
        scope.setTimeout(.milliseconds(1))
        let inner = late.openChild().scope!
        stage.note("\(inner.compute()) \(late.cause) \(scope.cause)")
        return .ok
      }
    }
    #expect(
      steps == [
        "deadline, none, none", "deadline deadline deadline", "job ends completed OK", "request closes: deadline",
      ])
  }

  @Test func `A job that computes sees that it was cancelled itself, by its timeout or by another job`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("timed", timeout: .milliseconds(2)) { scope in
        stage.note("\(scope.compute()) \(scope.sleep()), scope \(ScopePointer.of(scope).pointee.cause)")
        return .ok
      }
      var own: OpaquePointer?
      own = scope.spawn("job") { scope in
        scope.cancel(own)
        stage.note("\(scope.cause) \(scope.sleep())")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "deadline CANCELLED, scope none", "timed ends completed OK", "called CANCELLED", "job ends completed OK",
        "request closes: called",
      ])
  }

  @Test func `A job that computes sees a cancel by another thread of the request`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      var job: OpaquePointer?
      scope.asHandle.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in }) { scope in
        scope.cancel(job)
        return .ok
      }
      job = scope.spawn("job") { scope in
        stage.note("\(scope.compute()), scope \(ScopePointer.of(scope).pointee.cause)")
        scope.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in }) { scope in
          scope.cancel()
          return .ok
        }
        return .ok
      }
    }
    #expect(steps == ["called, scope none", "job ends completed OK", "request closes: called"])
  }

  @Test(arguments: [true, false])
  func `A job that computes sees what cancels the plugin's scope, from any thread`(isShutdown: Bool) throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      plugin.spawn("background") { scope in
        let passed = Passed(value: plugin)
        elsewhere {
          passed.value.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
            mailbox.postUrgent { _ in
              if isShutdown { passed.value.cancel(.shutdown) } else { passed.value.cancel(.retired) }
            }
          }
        }
        stage.note("\(scope.compute())")
        return .ok
      }
    }
    let cause = isShutdown ? "shutdown" : "retired"
    #expect(steps == [cause, "background ends completed OK", "plugin closes: \(cause)"])
  }

  @Test func `A job that computes sees the end of a drain that began meanwhile`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: 1)
      shards.initialize(repeating: plugin)
      let generation = GenerationPointer.allocate(capacity: 1)
      generation.initialize(to: Generation(label: "plugin/1", settings: SettingsTable([]), shards: shards))
      plugin.join(generation)
      let request = stage.open("request", kind: .request, below: plugin)
      request.spawn("job") { scope in
        let passed = Passed(value: plugin)
        elsewhere {
          passed.value.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
            mailbox.postUrgent { _ in passed.value.retire(drain: .milliseconds(3)) }
          }
        }
        stage.note("\(scope.compute())")
        return .ok
      }
    }
    #expect(steps == ["retired", "job ends completed OK", "request closes: retired", "plugin closes: retired"])
  }

  @Test func `A job that computes sees a job on a thread fail in a fail-fast scope`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("opener") { scope in
        let child = scope.openChild { $0.flags = AMBIT_FAIL_FAST }.scope!
        child.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in }) { _ in .failed }
        child.spawn("computer") { scope in
          stage.note("\(scope.compute())")
          return .cancelled
        }
        _ = child.joinAll()
        _ = child.closeChild()
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == ["failed", "computer ends cancelled CANCELLED", "opener ends completed OK", "request closes: called"])
  }

  @Test func `A job that computes sees that its request is done, but earlier jobs have their turn first`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request", kind: .request)
      scope.spawn("computer") { scope in
        stage.note("\(scope.compute())")
        return .ok
      }
      scope.spawn("short") { scope in
        stage.note("\(scope.cause)")
        return .ok
      }
      stage.end(scope)
    }
    #expect(
      steps == ["done", "computer ends completed OK", "none", "short ends completed OK", "request closes: done"])
  }

  @Test func `A job that computes sees the same by a reference`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("job") { scope in
        let reference = scope.reference
        scope.setTimeout(.milliseconds(2))
        stage.note("\(computing { reference.cause }) \(scope.cause)")
        return .ok
      }
    }
    #expect(steps == ["deadline deadline", "job ends completed OK", "request closes: deadline"])
  }

  @Test func `A cancel that the call finds makes the cancel descriptor readable at once`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("job") { scope in
        var poll = pollfd(fd: ambit_cancel_fd(scope), events: Int16(POLLIN), revents: 0)
        scope.setTimeout(.milliseconds(2))
        stage.note("\(Glibc.poll(&poll, 1, 5)) \(scope.compute()) \(Glibc.poll(&poll, 1, 0))")
        return .ok
      }
    }
    #expect(steps == ["0 deadline 1", "job ends completed OK", "request closes: deadline"])
  }

  @Test func `ambit_cancelled in hooks and deferred functions reports the known cause`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("job") { scope in
        let child = scope.openChild().scope!
        child.onCancel { stage.note("on_cancel \(child.cause), \(scope.cause)") }
        child.deferring { stage.note("deferred \(child.cause)") }
        child.setTimeout(.milliseconds(1))
        stage.note("\(child.compute())")
        child.onCancel { stage.note("late on_cancel \(child.cause)") }
        _ = child.closeChild()
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "deadline", "late on_cancel deadline", "on_cancel deadline, none", "deferred deadline",
        "job ends completed OK", "request closes: called",
      ])
  }

  @Test func `A job that yields between its steps need not ask: it sees a deadline within a few steps`() throws {
    let steps = try Stage.play { stage in
      stage.open("request").spawn("job") { scope in
        scope.setTimeout(.milliseconds(1))
        var count = 0
        while scope.yield() == .ok {
          let end = Clock.monotonic + .milliseconds(1)
          while Clock.monotonic < end {}
          count += 1
        }
        stage.note(count < 20 ? "within a few" : "after \(count)")
        return .ok
      }
    }
    #expect(steps == ["within a few", "job ends completed OK", "request closes: deadline"])
  }
}
