import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

/// One way for a job to wait for ever, with what the log is to call it.
private struct Wait: Sendable, CustomTestStringConvertible {
  let shown: String
  let begin: @Sendable (ScopeHandle) -> Status
  var testDescription: String { shown }
}

@Suite struct `What a job waits for` {
  private static let waits = [
    Wait(shown: "suspended sleep") { $0.sleep() },
    Wait(shown: "suspended event") { $0.wait(for: ambit_event_new($0)) },
    Wait(shown: "suspended send") { $0.send(1, through: ambit_channel_new($0, 0)) },
    Wait(shown: "suspended receive") { $0.receive(from: ambit_channel_new($0, 0)).status },
    Wait(shown: "suspended join") { scope in
      scope.join(scope.openChild().scope!.spawnSleeper("other").job)
    },
    Wait(shown: "suspended join_all") { scope in
      let child = scope.openChild().scope!
      child.spawnSleeper("other")
      return child.joinAll()
    },
    Wait(shown: "suspended descriptor") { scope in
      let sockets = SocketPair()
      return withExtendedLifetime(sockets) {
        scope.wait(for: sockets.near, UInt32(AMBIT_READABLE)).hasPrefix("CANCELLED") ? .cancelled : .failed
      }
    },
  ]

  @Test(arguments: waits) private func `A waiting job is shown with the name of its wait`(wait: Wait) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job", wait.begin)
      stage.afterTurns(3) {
        let job = stage.jobs[0]
        stage.note("\(job.state) \(job.wait?.kind.rawValue ?? "nothing")")
        scope.cancel(.called)
      }
    }
    #expect(steps == [wait.shown, "job ends cancelled CANCELLED"])
  }

  @Test func `A ticker between ticks waits for a tick, without a stack`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.every(3_600_000_000_000, "ticker") { _ in .ok }
      stage.afterTurns(1) {
        let job = stage.jobs[0]
        stage.note("\(job.state) \(job.wait?.kind.rawValue ?? "nothing") \(job.stackBytes ?? 0)")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["suspended tick 0", "ticker ends cancelled CANCELLED"])
  }

  @Test func `A job waits for nothing before its first turn and while it runs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("job") { scope in
        stage.noteFirstJob()
        return .ok
      }
      stage.noteFirstJob()
      stage.end(scope)
    }
    #expect(steps == ["created nothing", "running nothing", "job ends completed OK"])
  }

  @Test func `A job waits for a thread during a blocking call`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let latch = Latch<Void>()
      scope.spawn("job") { scope in
        let code = ambit_block(
          scope, { Unmanaged<Latch<Void>>.fromOpaque($0!).takeUnretainedValue().wait() == nil ? -10 : 0 },
          Unmanaged.passUnretained(latch).toOpaque())
        scope.cancel()
        return Status(rawValue: code)
      }
      stage.afterTurns(2) {
        stage.noteFirstJob()
        latch.arrive(())
      }
    }
    #expect(steps == ["blocked thread", "job ends completed OK"])
  }
}

extension Stage {
  /// Notes the state of the first job there is, and what it waits for.
  fileprivate func noteFirstJob() {
    note("\(jobs[0].state) \(jobs[0].wait?.kind.rawValue ?? "nothing")")
  }
}
