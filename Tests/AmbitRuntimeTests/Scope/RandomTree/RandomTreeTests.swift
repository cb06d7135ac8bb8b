import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct TreesOfScopes {
  @Test(arguments: 1...4)
  func `Trees of scopes keep to the rules over random operations, and leave nothing behind`(seed: UInt64) throws {
    let steps = try Stage.play { stage in
      let tree = RandomTree(stage: stage, seed: seed)
      // Open to the end: the scene is not over while the tree happens to be empty.
      let end = stage.open("")
      tree.grow(operations: 25_000) {
        for violation in tree.violations { stage.note(violation) }
        stage.note("\(tree.spawned - tree.ended) jobs left, \(tree.spawned > 10_000 ? "many" : "few") spawned")
        stage.subject = nil
        end.cancel(.called)
      }
    }
    #expect(steps == ["0 jobs left, many spawned"])
  }
}
