import AmbitCore
import AmbitSystem
import CAmbit
import Glibc
import Testing

@testable import AmbitRuntime

private let readable = UInt32(AMBIT_READABLE)
private let writable = UInt32(AMBIT_WRITABLE)
private let hangup = UInt32(AMBIT_HANGUP)

@Suite struct WaitingForADescriptor {
  /// Runs `body` as a job, with what the tests need; the scope ends with it. The loop has nothing registered then that
  /// it had not before: at once, or where the descriptor was closed first, when the kernel lets go of it. That may be
  /// later, as another test may start a process meanwhile, which has a copy until it becomes another program.
  private func play(_ body: @escaping @Sendable (Stage, ScopeHandle, SocketPair) -> Void) throws -> [String] {
    try Stage.play { stage in
      let scope = stage.open("")
      let before = stage.loop.registrations
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        body(stage, scope, SocketPair())
        _ = scope.joinAll()
        for _ in 0..<10_000 where stage.loop.registrations != before { _ = scope.sleep(1_000_000) }
        if stage.loop.registrations != before { stage.note("\(stage.loop.registrations - before) left registered") }
        scope.cancel()
        return .ok
      }
    }
  }

  @Test func `A wait reports the readiness that was asked for`() throws {
    let steps = try play { stage, scope, sockets in
      stage.note(scope.wait(for: sockets.near, writable))
      stage.note(scope.wait(for: sockets.near, readable | writable))
      sockets.writeFar()
      stage.note(scope.wait(for: sockets.near, writable))
      stage.note(scope.wait(for: sockets.near, readable))
      stage.note(scope.wait(for: sockets.near, readable | writable))
    }
    #expect(steps == ["OK 2", "OK 2", "OK 2", "OK 1", "OK 3"])
  }

  @Test func `Other jobs run until the descriptor is ready`() throws {
    let steps = try play { stage, scope, sockets in
      scope.spawn("writer") { _ in
        sockets.writeFar()
        return .ok
      }
      stage.note(scope.wait(for: sockets.near, readable))
    }
    #expect(steps == ["writer ends completed OK", "OK 1"])
  }

  @Test func `A wait reports a hang-up in any case, and the end of the peer's stream if asked`() throws {
    let steps = try play { stage, scope, sockets in
      sockets.finishFar()
      stage.note(scope.wait(for: sockets.near, writable))
      stage.note(scope.wait(for: sockets.near, hangup))
      sockets.fillNear()
      stage.note(scope.wait(for: sockets.near, writable, timeout: 1))
      sockets.closeFar()
      stage.note(scope.wait(for: sockets.near, writable))
    }
    #expect(steps == ["OK 2", "OK 4", "TIMED_OUT 0", "OK 6"])
  }

  @Test func `A wait with a timeout of 0 does not wait`() throws {
    let steps = try play { stage, scope, sockets in
      stage.note(scope.wait(for: sockets.near, readable, timeout: 0))
      sockets.writeFar()
      stage.note(scope.wait(for: sockets.near, readable, timeout: 0))
      sockets.closeFar()
      stage.note(scope.wait(for: sockets.near, readable, timeout: 0))
    }
    #expect(steps == ["TIMED_OUT 0", "OK 1", "OK 5"])
  }

  @Test func `A wait ends by its timeout and by a cancel, and later waits fail`() throws {
    let steps = try play { stage, scope, sockets in
      let waiter = scope.spawn("waiter") { scope in
        stage.note("\(scope.wait(for: sockets.near, readable, timeout: 1_000_000))")
        stage.note(scope.wait(for: sockets.near, readable))
        stage.note(scope.wait(for: sockets.near, writable))
        stage.note(scope.wait(for: sockets.near, writable, timeout: 0))
        return .ok
      }
      _ = scope.sleep(5_000_000)
      scope.cancel(waiter)
    }
    #expect(steps == ["TIMED_OUT 0"] + Array(repeating: "CANCELLED 0", count: 3) + ["waiter ends completed OK"])
  }

  @Test func `A wait succeeds if the descriptor is ready in the turn of the timeout`() throws {
    let steps = try play { stage, scope, sockets in
      scope.spawn("waiter") { scope in
        stage.note(scope.wait(for: sockets.near, readable, timeout: 1_000_000))
        return .ok
      }
      _ = scope.yield()
      let end = Clock.monotonic + 3_000_000
      while Clock.monotonic < end {}
      sockets.writeFar()
    }
    #expect(steps == ["OK 1", "waiter ends completed OK"])
  }

  @Test func `Several jobs can wait for one descriptor`() throws {
    let steps = try play { stage, scope, sockets in
      sockets.fillNear()
      for (name, events) in [("reader", readable), ("writer", writable), ("second reader", readable)] {
        scope.spawn(ended: { _, _ in }) { scope in
          stage.note("\(name) \(scope.wait(for: sockets.near, events))")
          return .ok
        }
      }
      _ = scope.yield()
      sockets.drainFar()
      _ = scope.sleep(1_000_000)
      sockets.writeFar()
    }
    #expect(steps.first == "writer OK 2")
    #expect(Set(steps) == ["writer OK 2", "reader OK 1", "second reader OK 1"])
  }

  @Test func `A wait for a descriptor that is always ready returns at once`() throws {
    let file = open(#filePath, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let steps = try play { stage, scope, _ in
      for timeout: Int64 in [-1, 0, 1] { stage.note(scope.wait(for: file, readable | writable, timeout: timeout)) }
    }
    #expect(steps == ["OK 3", "OK 3", "OK 3"])
  }

  @Test func `A wait is refused for a closed descriptor and for unknown events`() throws {
    let steps = try play { stage, scope, sockets in
      for descriptor: Int32 in [-1, .min, .max, stage.loop.pointee.epoll] {
        stage.note(scope.wait(for: descriptor, readable))
      }
      for descriptor: Int32 in [-1, .max] { stage.note(scope.wait(for: descriptor, readable, timeout: 0)) }
      for events: UInt32 in [0, 8, 9, .max] { stage.note(scope.wait(for: sockets.near, events)) }
    }
    #expect(steps == Array(repeating: "INVALID 0", count: 10))
  }

  @Test func `A descriptor that is closed during a wait, with a duplicate open, does not disturb later waits`() throws {
    let steps = try play { stage, scope, sockets in
      let copy = fcntl(sockets.near, F_DUPFD_CLOEXEC, 0)
      scope.spawn("waiter") { scope in
        stage.note(scope.wait(for: copy, readable, timeout: 2_000_000))
        return .ok
      }
      _ = scope.yield()
      close(copy)
      _ = scope.joinAll()
      // What was registered under the closed number reports this too, once.
      sockets.writeFar()
      let other = SocketPair()
      stage.note(scope.wait(for: other.near, readable, timeout: 2_000_000))
      stage.note(scope.wait(for: sockets.near, readable))
      sockets.closeNear()
    }
    #expect(steps == ["TIMED_OUT 0", "waiter ends completed OK", "TIMED_OUT 0", "OK 1"])
  }

  @Test func `A wait ends after the turns of jobs that an earlier event has started`() throws {
    let steps = try play { stage, scope, sockets in
      // So that there are stacks: a new one counts for many turns.
      for _ in 0..<70 { scope.spawn(ended: { _, _ in }) { $0.yield() } }
      _ = scope.joinAll()
      var turns = 0
      scope.spawn("waiter") { scope in
        stage.note("\(scope.wait(for: sockets.near, readable)) after \(turns) turns")
        return .ok
      }
      _ = scope.yield()
      stage.afterTurns(1) {
        for _ in 0..<70 {
          scope.spawn(ended: { _, _ in }) { scope in
            turns += 1
            _ = scope.yield()
            turns += 1
            return .ok
          }
        }
      }
      sockets.writeFar()
      _ = scope.sleep(1_000_000)
    }
    // Ready jobs run in slices of the time, and at least 64 of them run in a slice.
    let turns = try #require(steps.first?.wholeMatch(of: /OK 1 after ([0-9]+) turns/)).1
    #expect((64...140).contains(Int(turns)!) && steps.dropFirst() == ["waiter ends completed OK"])
  }

  @Test func `An event for a wait that has ended in this turn does not end another wait`() throws {
    let steps = try play { stage, scope, sockets in
      let ended = SocketPair()
      let waiter = scope.spawn("ended") { scope in
        stage.note(scope.wait(for: ended.near, readable))
        return .ok
      }
      _ = scope.yield()
      stage.afterTurns(1) {
        scope.cancel(waiter)
        scope.spawn("later") { scope in
          stage.note(scope.wait(for: sockets.near, readable, timeout: 2_000_000))
          return .ok
        }
        // So many that all have their turn before the next event.
        for _ in 0..<70 { scope.spawn(ended: { _, _ in }) { _ in .ok } }
      }
      ended.writeFar()
      _ = scope.joinAll()
    }
    #expect(steps == ["CANCELLED 0", "ended ends completed OK", "TIMED_OUT 0", "later ends completed OK"])
  }
}
