import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

/// The event of `ambit_draining`.
@Suite struct Draining {
  private static let hour: Int64 = 3_600_000_000_000

  @Test func `Jobs that wait for the drain go on when the plugin is retired, and are not cancelled`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin { $0.cancel(.retired) }
      let request = stage.open("request", kind: .request, below: plugin)
      let child = request.asHandle.openChild().scope!
      request.spawn("job") { scope in
        stage.note("\(scope.wait(for: ambit_draining(scope), timeout: Self.hour)) \(scope.cause)")
        return .ok
      }
      child.spawn("below") { $0.wait(for: ambit_draining($0)) }
      request.asHandle.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, code in stage.note("\(code)") }) {
        $0.wait(for: ambit_draining($0))
      }
      self.whenWaiting(3, on: stage) {
        plugin.retire(drain: .max)
        request.endAfterJobs()
      }
    }
    #expect(steps.filter { $0 == "OK none" }.count == 1)
    #expect(steps.contains("below ends completed OK") && steps.contains("OK"), "\(steps)")
    #expect(!steps.joined().contains("CANCELLED"), "\(steps)")
  }

  /// Calls `body` when so many jobs wait for an event.
  private func whenWaiting(_ count: Int, on stage: Stage, _ body: @escaping () -> Void) {
    stage.afterTurns(1) {
      if stage.jobs.count(where: { $0.wait?.kind == .event }) == count { return body() }
      self.whenWaiting(count, on: stage, body)
    }
  }

  @Test func `The event is the same at each call on a loop, and is set for those who ask late`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      let request = stage.open("", kind: .request, below: plugin)
      request.spawn("job") { scope in
        let event = ambit_draining(scope)
        stage.note("\(event == ambit_draining(plugin.asHandle)) \(scope.wait(for: event, timeout: 0))")
        plugin.retire(drain: .max)
        stage.note("\(event == ambit_draining(scope)) \(scope.wait(for: event, timeout: 0))")
        scope.cancel()
        plugin.cancel(.retired)
        return .ok
      }
    }
    #expect(steps.prefix(2) == ["true TIMED_OUT", "true OK"])
  }

  @Test func `The event is set if the plugin is retired before anybody asks`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      plugin.retire(drain: .max)
      plugin.spawn("job") { scope in
        stage.note("\(scope.wait(for: ambit_draining(scope), timeout: 0))")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["drained", "OK", "job ends completed OK", "plugin closes: called"])
  }

  @Test func `A worker that begins to drain tells every generation, also those that come later`() throws {
    let steps = try Stage.play { stage in
      let (one, two) = (stage.openPlugin("one"), stage.openPlugin("two"))
      for plugin in [one, two] { plugin.spawn("job") { $0.wait(for: ambit_draining($0)) } }
      stage.afterTurns(2) {
        stage.group.beginDraining()
        stage.afterTurns(2) {
          let late = stage.openPlugin("late")
          late.spawn("late job") { $0.wait(for: ambit_draining($0), timeout: 0) }
          for plugin in [one, two, late] { plugin.endAfterJobs() }
        }
      }
    }
    #expect(steps.filter { $0 == "job ends completed OK" }.count == 2)
    #expect(steps.contains("late job ends completed OK"))
  }

  @Test func `A job that computes finds the event set after it has asked whether it is cancelled`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      plugin.spawn("job") { scope in
        let event = ambit_draining(scope)
        stage.group.beginDraining()
        let end = Clock.monotonic + 10_000_000_000
        var status = Status.timedOut
        while status == .timedOut, Clock.monotonic < end {
          _ = scope.cause
          status = scope.wait(for: event, timeout: 0)
        }
        stage.note("\(status) \(scope.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["OK none", "job ends completed OK", "plugin closes: called"])
  }

  @Test func `Plugins cannot set or reset the event`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      plugin.spawn("job") { scope in
        let event = ambit_draining(scope)!
        stage.note("\(event.set()) \(scope.wait(for: event, timeout: 0))")
        plugin.retire(drain: .max)
        stage.note("\(event.reset()) \(scope.wait(for: event, timeout: 0))")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps.filter { $0.hasPrefix("INVALID") } == ["INVALID TIMED_OUT", "INVALID OK"])
  }

  @Test func `Each loop has an event of its own, and a job cannot wait for that of another loop`() throws {
    let group = try LoopGroup(count: 2, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let generation = GenerationPointer.allocate(capacity: 1)
    generation.initialize(to: Generation(label: "two/1", settings: SettingsTable([]), shards: .allocate(capacity: 2)))
    let shared = Unchecked(generation)
    let events = group.onEach { loop in
      let shard = ScopePointer.allocate(capacity: 1)
      shard.open(below: loop.pointee.root, kind: .plugin, observer: nil)
      shard.join(shared.value)
      shared.value.pointee.shards[loop.pointee.index] = shard
      return Unchecked((loop: loop.pointee.index, event: ambit_draining(shard.asHandle)))
    }
    group.beginDraining()
    for index in 0...1 {
      let statuses = Latch<[Status]>()
      group.loops[index].post { _ in
        shared.value.pointee.shards[index].asHandle.spawn(ended: { _, _ in }) { scope in
          let (own, other) = (events.first { $0.value.loop == index }!, events.first { $0.value.loop != index }!)
          statuses.arrive([own, other].map { scope.wait(for: $0.value.event, timeout: 0) })
          return .ok
        }
      }
      #expect(statuses.wait(timeout: 30_000_000_000)?.first == [.ok, .invalid], "loop \(index)")
    }
  }

  @Test func `A scope without a generation has no such event`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("").asHandle
      stage.note("\(ambit_draining(scope) == nil)")
      scope.cancel()
    }
    #expect(steps == ["true"])
  }
}
