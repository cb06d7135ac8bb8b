import AmbitCore
import CAmbit
import CFiber
import CLinux
import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct HooksOfACancel {
  @Test func `Hooks run once and in order, after the scopes below have the cause and before any job goes on`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("job") { scope in
        let child = scope.openChild().scope!
        scope.onCancel { stage.note("first: \(scope.cause) \(child.cause)") }
        scope.onCancel { stage.note("second") }
        child.onCancel { stage.note("child's") }
        stage.note("woken: \(scope.sleep())")
        return .ok
      }
      stage.afterTurns(2) {
        scope.cancel(.disconnect)
        scope.cancel(.called)
      }
    }
    #expect(
      steps == [
        "first: disconnect disconnect", "second", "child's", "woken: CANCELLED", "job ends completed OK",
        "request closes: disconnect",
      ])
  }

  @Test func `Hooks and deferred functions run on the stack of the loop's thread, whoever cancels`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let noteStack = { [loop = stage.loop] (name: String) in
        let own = loop.ownFiber.pointee
        let isOwn = withUnsafeBytes(of: name) { local in
          let distance = UnsafeRawPointer(own.stack_low!).distance(to: local.baseAddress!)
          return distance >= 0 && distance < own.stack_size
        }
        stage.note("\(name) on \(isOwn ? "the loop's stack" : "a fiber")")
      }
      scope.spawn("job") { scope in
        noteStack("job")
        let child = scope.openChild().scope!
        child.deferring { noteStack("deferred") }
        child.onCancel {
          noteStack("first")
          child.onCancel { noteStack("registered by it") }
        }
        child.onCancel { noteStack("second") }
        _ = child.closeChild()
        noteStack("job")
        scope.cancel()
        return scope.sleep()
      }
    }
    #expect(
      steps == [
        "job on a fiber", "first on the loop's stack", "registered by it on the loop's stack",
        "second on the loop's stack", "deferred on the loop's stack", "job on a fiber",
        "job ends cancelled CANCELLED", "request closes: called",
      ])
  }

  @Test func `A hook runs inside ambit_on_cancel if the scope is already cancelled`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        scope.cancel()
        stage.note("\(scope.onCancel { stage.note("told") })")
        return .ok
      }
    }
    #expect(steps == ["told", "OK", "job ends completed OK"])
  }

  @Test func `Hooks run when a request is done, also if it never spawned a job`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.asHandle.onCancel { stage.note("told: \(scope.pointee.cause)") }
      scope.asHandle.deferring { stage.note("undone") }
      stage.end(scope)
    }
    #expect(steps == ["told: done", "undone", "request closes: done"])
  }

  @Test func `A hook cannot wait`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        let child = scope.openChild().scope!
        scope.onCancel { stage.note("\(scope.sleep(0)) \(scope.joinAll()) \(child.closeChild()) \(scope.shield())") }
        scope.cancel()
        stage.note("\(scope.yield())")
        return .ok
      }
    }
    #expect(steps == ["WRONG_STATE WRONG_STATE WRONG_STATE WRONG_STATE", "CANCELLED", "job ends completed OK"])
  }

  @Test func `A hook may cancel the scopes above, whose hooks run then`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.asHandle.onCancel { stage.note("request told") }
      scope.spawn("opener") { scope in
        let children = (0..<3).map { _ in scope.openChild().scope! }
        for (index, child) in children.enumerated() {
          child.onCancel {
            stage.note("\(index) told")
            scope.cancel()
          }
          child.deferring { stage.note("\(index) undone") }
        }
        children[1].cancel()
        stage.note("\(scope.cause)")
        return .ok
      }
    }
    #expect(
      steps == [
        "1 told", "request told", "0 told", "2 told", "called", "opener ends completed OK", "2 undone", "1 undone",
        "0 undone", "request closes: called",
      ])
  }
}

@Suite struct CancelDescriptors {
  /// What an epoll instance that watches one descriptor sees: 1 if it is readable, 0 if not, or if it has been closed.
  private final class Watcher {
    private let epoll = epoll_create1(0)

    init(_ descriptor: Int32) {
      var event = epoll_event()
      event.events = IOEvents.readable
      precondition(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0)
    }

    deinit { Glibc.close(epoll) }

    var ready: Int32 {
      var event = epoll_event()
      return epoll_wait(epoll, &event, 1, 0)
    }
  }

  @Test func `A cancel descriptor is readable from the cancel on, and is closed with the scope`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        let child = scope.openChild().scope!
        let descriptor = ambit_cancel_fd(child)
        let watcher = Watcher(descriptor)
        stage.note("\(watcher.ready) \(ambit_cancel_fd(child) == descriptor)")
        child.onCancel { stage.note("told: \(watcher.ready)") }
        child.cancel()
        stage.note("\(watcher.ready) \(ambit_cancel_fd(child) == descriptor)")
        stage.note("\(child.closeChild())")
        // Another test may start a process meanwhile, which has a copy until it becomes another program.
        for _ in 0..<10_000 where watcher.ready != 0 { _ = scope.sleep(1_000_000) }
        stage.note("then: \(watcher.ready)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["0 true", "told: 1", "1 true", "OK", "then: 0", "job ends completed OK"])
  }

  @Test func `A cancel descriptor is readable at once if the scope is already cancelled`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        scope.cancel()
        stage.note("\(Watcher(ambit_cancel_fd(scope)).ready)")
        return .ok
      }
    }
    #expect(steps == ["1", "job ends completed OK"])
  }
}
