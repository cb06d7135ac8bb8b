import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

extension Stage {
  /// Opens the scope of a plugin whose code runs on threads alone.
  fileprivate func openThreadPlugin() -> ScopePointer {
    let plugin = open("plugin", kind: .plugin)
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: 1)
    shards.initialize(repeating: plugin)
    let generation = GenerationPointer.allocate(capacity: 1)
    generation.initialize(
      to: Generation(label: "plugin/1", settings: SettingsTable([]), runsOnThreads: true, shards: shards))
    plugin.join(generation)
    return plugin
  }
}

/// What happened on several threads, in order.
private final class Notes: @unchecked Sendable {
  private let steps = Latch<String>()

  /// Notes `step`, and where it happens unless that is on a thread of the pool.
  func note(_ step: String) { steps.arrive(LoopPointer.ofThisThread == nil ? step : "\(step) on a loop") }

  var all: [String] { steps.arrived }
}

@Suite struct PluginsOnThreads {
  private func play(_ scene: @escaping @Sendable (ScopePointer, Notes) -> Void) throws -> [String] {
    let notes = Notes()
    _ = try Stage.play { stage in
      let plugin = stage.openThreadPlugin()
      scene(stage.open("request", kind: .request, below: plugin), notes)
      plugin.cancel(.shutdown)
    }
    return notes.all
  }

  @Test func `The hook of a job runs on a thread before a join returns`() throws {
    let notes = Notes()
    _ = try Stage.play { stage in
      let plugin = stage.openThreadPlugin()
      plugin.asHandle.spawn(ended: { _, _ in }) { scope in
        let job = scope.spawn(ended: { outcome, _ in notes.note("ended \(outcome)") }) { _ in
          notes.note("runs")
          return .ok
        }.job
        notes.note("joined \(scope.join(job))")
        scope.cancel()
        return .ok
      }
    }
    #expect(notes.all == ["runs", "ended completed", "joined OK"])
  }

  @Test func `The hooks of jobs that never run are called before the deferred functions, the last one first`() throws {
    let notes = try play { request, notes in
      let scope = request.asHandle
      for number in 1...2 {
        scope.deferring {
          notes.note("deferred \(number)")
          if number == 2 { scope.deferring { notes.note("deferred by the other") } }
        }
      }
      scope.spawn(ended: { outcome, code in notes.note("\(outcome) \(code)") }) { _ in
        notes.note("runs")
        return .ok
      }
      request.cancel(.disconnect)
    }
    #expect(notes == ["cancelled CANCELLED", "deferred 2", "deferred by the other", "deferred 1"])
  }

  @Test func `Child scopes close with their deferred functions one after the other, the last opened first`() throws {
    let notes = try play { request, notes in
      request.asHandle.deferring { notes.note("request") }
      for number in 1...2 {
        let child = request.asHandle.openChild().scope!
        child.deferring { notes.note("child \(number)") }
        child.deferring { notes.note("child \(number), \(child.cause)") }
      }
      request.cancel(.deadline)
    }
    #expect(notes == ["child 2, deadline", "child 2", "child 1, deadline", "child 1", "request"])
  }

  @Test func `Hooks may spawn and allocate, but not wait`() throws {
    let notes = try play { request, notes in
      let scope = request.asHandle
      scope.deferring {
        let spawned = scope.spawn(ended: { outcome, _ in notes.note("refused \(outcome)") }) { _ in .ok }
        notes.note("\(spawned.status) \(ambit_alloc(scope, 16) != nil) \(scope.sleep(0)) \(scope.yield())")
      }
      request.cancel(.done)
    }
    #expect(notes.sorted() == ["CANCELLED true WRONG_STATE WRONG_STATE", "refused cancelled"])
  }
}
