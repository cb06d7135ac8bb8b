import AmbitCore
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct RandomScopeTrees {
  private static let causes: [Cause] = [.disconnect, .deadline, .called, .retired, .shutdown]

  /// Plays one tree per seed, ends each somehow, and returns what did not go as documented.
  private func play(_ seeds: Range<UInt64>) throws -> [String] {
    try Stage.play(limits: RuntimeLimits(cancelGrace: 2_000_000)) { stage in
      for seed in seeds {
        let request = stage.open("", kind: .request)
        request.hold()
        // Registered first, so that it runs last.
        var player: ScopeTreePlayer!
        request.asHandle.deferring { Self.report(player.model, seed, to: stage) }
        player = ScopeTreePlayer(seed: seed, budget: 40, scope: request)
        player.begin()
        var generator = SeededGenerator(seed: ~seed)
        let cause = Self.causes.randomElement(using: &generator)!
        stage.afterTurns(generator.number(1...30)) {
          if cause == .called { stage.end(request) } else { request.cancel(cause) }
          request.release()
        }
      }
    }
  }

  private static func report(_ model: ScopeTreeModel, _ seed: UInt64, to stage: Stage) {
    model.expect(model.ended == model.spawned, "\(model.ended) of \(model.spawned) jobs have ended")
    model.expect(model.closed == model.opened, "\(model.closed) of \(model.opened) scopes have closed")
    for fault in model.faults { stage.note("seed \(seed): \(fault)") }
  }

  @Test(arguments: 0..<20)
  func `Random trees of scopes end as documented, whatever their jobs do`(batch: UInt64) throws {
    let faults = try play(batch * 100..<(batch + 1) * 100)
    #expect(faults == [])
  }
}
