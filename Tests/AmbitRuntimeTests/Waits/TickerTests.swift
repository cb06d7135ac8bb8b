import AmbitCore
import AmbitSystem
import CAmbit
import CFiber
import Testing

@testable import AmbitRuntime

@Suite struct Tickers {
  private static let hour: Int64 = 3_600_000_000_000

  @Test func `A ticker ticks after each interval, never early and without drift`() throws {
    let interval: Int64 = 1_000_000
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let start = Clock.monotonic
      var count: Int64 = 0
      var ticker: JobPointer?
      let started = scope.asHandle.every(interval, "ticker") { _ in
        count += 1
        if Clock.monotonic < start + count * interval { stage.note("tick \(count) is early") }
        if (ticker!.pointee.ticks.due - start) / interval < count { stage.note("tick \(count) is not on schedule") }
        return count == 5 ? Status(rawValue: 5) : .ok
      }
      ticker = JobPointer(started.job!)
      let first = ticker!.pointee.ticks.due
      scope.spawn("joiner") { scope in
        let status = scope.join(started.job)
        stage.note("off by \((ticker!.pointee.ticks.due - first) % interval) after \(count) ticks")
        scope.cancel()
        return status
      }
    }
    #expect(steps == ["ticker ends completed 5", "off by 0 after 5 ticks", "joiner ends completed OK"])
  }

  @Test func `A ticker skips the ticks that a long tick has missed`() throws {
    let interval: Int64 = 2_000_000
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let start = Clock.monotonic
      var ends: Int64 = 0
      scope.asHandle.every(interval, "ticker") { scope in
        guard ends == 0 else {
          let due = start + (ends - start + interval - 1) / interval * interval
          stage.note(Clock.monotonic >= due ? "second tick on schedule" : "second tick is early")
          scope.cancel()
          return .ok
        }
        _ = scope.sleep(5 * interval)
        ends = Clock.monotonic - 1_000
        return .ok
      }
    }
    #expect(steps == ["second tick on schedule", "ticker ends cancelled CANCELLED"])
  }

  @Test func `A ticker has no stack between ticks, and may wait in a tick`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let live: () -> Int = { cfiber_stack_pool_live(stage.loop.stackPool) }
      for _ in 0..<100 { scope.asHandle.every(Self.hour, "resting") { _ in .ok } }
      scope.asHandle.every(200_000_000, "ticker") { scope in
        let status = scope.sleep(1_000)
        stage.note("in a tick, after \(status): \(live())")
        stage.afterTurns(1) {
          stage.note("between ticks: \(live())")
          scope.cancel()
        }
        return .ok
      }
    }
    let ended = Array(repeating: "resting ends cancelled CANCELLED", count: 100)
    #expect(
      steps == ["in a tick, after OK: 1", "between ticks: 0"] + ended + ["ticker ends cancelled CANCELLED"])
  }

  @Test(arguments: [(3, "completed 3"), (-1, "cancelled CANCELLED"), (-10, "failed FAILED")])
  func `A ticker ends with the result of a tick that is not OK`(code: Int32, ending: String) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var codes: [Int32] = [0, 0, code]
      let started = scope.asHandle.every(100_000, "ticker") { _ in Status(rawValue: codes.removeFirst()) }
      scope.spawn("joiner") { scope in
        let status = scope.join(started.job)
        stage.note("not ticked: \(codes.count)")
        scope.cancel()
        return status
      }
    }
    #expect(steps == ["ticker ends \(ending)", "not ticked: 0", "joiner ends completed OK"])
  }

  @Test func `A ticker that is cancelled between ticks ends at once, by itself, with its scope, or by its timeout`()
    throws
  {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let alone = scope.asHandle.every(Self.hour, "alone") { _ in .failed }
      scope.asHandle.every(Self.hour, "with the scope") { _ in .failed }
      let timed = scope.asHandle.every(Self.hour, "timed", options: { $0.timeout = 50_000_000 }) { _ in .failed }
      scope.spawn("job") { scope in
        scope.cancel(alone.job)
        let statuses = "\(scope.join(alone.job)) \(scope.join(timed.job))"
        stage.note(statuses)
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "alone ends cancelled CANCELLED", "timed ends cancelled CANCELLED", "OK OK", "job ends completed OK",
        "with the scope ends cancelled CANCELLED", "request closes: called",
      ])
  }

  @Test func `A ticker that is cancelled in the turn of a tick does not tick`() throws {
    let steps = try Stage.play { stage in
      let other = stage.open("")
      stage.open("").spawn("delay") { scope in
        other.asHandle.every(1, "canceller") { own in
          scope.cancel()
          own.cancel()
          return .failed
        }
        scope.every(1, "ticker") { _ in .failed }
        // Both are due when the loop looks at its timers next.
        let end = Clock.monotonic + 1_000_000
        while Clock.monotonic < end {}
        return .ok
      }
    }
    #expect(
      steps == ["delay ends completed OK", "canceller ends failed FAILED", "ticker ends cancelled CANCELLED"])
  }

  @Test func `A ticker ends with the tick in which its scope ended, shielded or not`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var ticker: JobPointer?
      let started = scope.asHandle.every(1_000, "ticker") { scope in
        // Were it to rest again, it would be for long.
        ticker!.pointee.ticks = TickSchedule(interval: Self.hour, startingAt: Clock.monotonic)
        scope.cancel()
        ambit_shield(scope, true)
        stage.note("goodbye: \(scope.sleep(1_000))")
        return .ok
      }
      ticker = JobPointer(started.job!)
    }
    #expect(steps == ["goodbye: OK", "ticker ends cancelled CANCELLED"])
  }

  @Test func `A ticker does not keep the deadline of its scope from passing`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.pointee.deadline = Clock.monotonic + 1_000_000
      scope.asHandle.every(Self.hour, "ticker") { _ in .ok }
    }
    #expect(steps == ["ticker ends cancelled CANCELLED", "request closes: deadline"])
  }

  @Test func `A ticker without an interval above 0 is refused, and its hook still runs once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for interval in [0, -1, Int64.min] {
        let started = scope.asHandle.every(interval, "ticker") { _ in .ok }
        stage.note("\(started.status), \(started.job == nil ? "no handle" : "a handle")")
      }
      stage.end(scope)
    }
    let refused = Array(repeating: "INVALID, no handle", count: 3)
    #expect(steps == refused + Array(repeating: "ticker ends cancelled INVALID", count: 3))
  }

  @Test func `An ending scope refuses a ticker, and its hook still runs once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.hold()
      scope.cancel(.called)
      stage.note("\(scope.asHandle.every(1, "ticker") { _ in .ok }.status)")
      scope.release()
    }
    #expect(steps == ["CANCELLED", "ticker ends cancelled CANCELLED"])
  }

  @Test func `A ticker can tick on pool threads`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let ticks = Counter()
      scope.asHandle.every(100_000, "ticker", options: { $0.flags = UInt32(AMBIT_JOB_THREAD) }) { scope in
        ticks.count += LoopPointer.ofThisThread == nil ? 1 : 100
        return ticks.count < 3 ? scope.sleep(1) : Status(rawValue: Int32(ticks.count))
      }
      scope.endAfterJobs()
    }
    #expect(steps == ["ticker ends completed 3"])
  }
}

/// Counted by one thread after the other.
private final class Counter: @unchecked Sendable {
  var count = 0
}
