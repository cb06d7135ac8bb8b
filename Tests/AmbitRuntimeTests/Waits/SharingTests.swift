import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct EventsAndChannelsOfOtherScopes {
  @Test func `A job in a scope below can wait, and its wait ends with its own scope`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      let event = ambit_event_new(plugin.asHandle)!
      let channel = ambit_channel_new(plugin.asHandle, 0)!
      request.spawn("waiter") { scope in
        stage.note("\(scope.wait(for: event))")
        return .ok
      }
      request.spawn("receiver") { $0.receive(from: channel).status }
      plugin.spawn("setter") { scope in
        event.set()
        _ = scope.yield()
        stage.end(request)
        return .ok
      }
      stage.afterTurns(6) { plugin.cancel(.retired) }
    }
    #expect(
      steps == [
        "OK", "waiter ends completed OK", "setter ends completed OK", "receiver ends cancelled CANCELLED",
        "request closes: done", "plugin closes: retired",
      ])
  }

  @Test func `A job of a scope above can wait in the owner's scope, which stays until the wait has returned`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      let handle = request.asHandle
      let event = ambit_event_new(handle)!
      let channel = ambit_channel_new(handle, 0)!
      plugin.spawn("waiter") { _ in handle.wait(for: event) }
      plugin.spawn("receiver") { _ in handle.receive(from: channel).status }
      plugin.spawn("sender") { scope in
        let status = handle.send(1, through: channel)
        stage.note("sender: \(status), then \(handle.send(2, through: channel))")
        return .ok
      }
      stage.afterTurns(2) {
        stage.end(request)
        stage.afterTurns(6) { plugin.cancel(.retired) }
      }
    }
    #expect(
      steps == [
        "receiver ends completed OK", "waiter ends cancelled CANCELLED", "request closes: done",
        "sender: OK, then CANCELLED", "sender ends completed OK", "plugin closes: retired",
      ])
  }

  @Test func `A shielded job can wait after the owner's scope has ended, which stays until then`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("plugin", kind: .plugin)
      let request = stage.open("request", kind: .request, below: plugin)
      let handle = request.asHandle
      let event = ambit_event_new(handle)!
      plugin.spawn("waiter") { scope in
        ambit_shield(scope, true)
        stage.note("\(handle.wait(for: event))")
        return .ok
      }
      plugin.spawn("setter") { scope in
        stage.end(request)
        for _ in 0..<5 { _ = scope.yield() }
        stage.note("set, after \(handle.cause)")
        event.set()
        return .ok
      }
      stage.afterTurns(10) { plugin.cancel(.retired) }
    }
    #expect(
      steps == [
        "set, after done", "setter ends completed OK", "request closes: done", "OK", "waiter ends completed OK",
        "plugin closes: retired",
      ])
  }

  @Test func `A wait is refused if the owner's scope lies below or beside`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("")
      for other in [stage.open("", below: outer), stage.open("")] {
        let event = ambit_event_new(other.asHandle)!
        let channel = ambit_channel_new(other.asHandle, 1)!
        outer.spawn("job") { scope in
          let received = scope.receive(from: channel)
          stage.note("\(scope.wait(for: event)) \(scope.send(1, through: channel)) \(received)")
          return .ok
        }
        stage.afterTurns(2) { other.cancel(.called) }
      }
      stage.afterTurns(2) { stage.end(outer) }
    }
    let refused = ["INVALID INVALID (status: INVALID, number: 0)", "job ends completed OK"]
    #expect(steps == refused + refused)
  }

  @Test func `Events and channels are refused if there is no memory`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for capacity in [Int.max, Int.max / 8, -1, .min] {
        stage.note(ambit_channel_new(scope.asHandle, capacity) == nil ? "none" : "a channel of \(capacity)")
      }
      stage.end(scope)
    }
    #expect(steps == Array(repeating: "none", count: 4))
  }
}
