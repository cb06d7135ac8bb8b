import AmbitCore
import Dispatch
import Testing

@testable import AmbitRuntime

@Suite struct PostingToALoop {
  @Test func `runs work on the loop's thread, in the order of each poster`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let loop = group.loops[0]
    let gate = Gate<[Int]>(expected: 8 * 2_000)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<2_000 {
        loop.post { record in gate.arrive(LoopPointer.ofThisThread == record ? [thread, number] : []) }
      }
    }
    let arrived = try #require(gate.wait(timeout: 30_000_000_000))
    for thread in 0..<8 { #expect(arrived.filter { $0.first == thread }.map { $0[1] } == Array(0..<2_000)) }
  }

  @Test func `wakes a loop that has nothing to do, each time`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    for round in 0..<2_000 { #expect(group.onEach { _ in round } == [round]) }
  }

  @Test func `from the loop itself runs in a later turn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let turn = stage.loop.pointee.turn
      stage.afterTurns(1) {
        stage.note("\(stage.loop.pointee.turn - turn)")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["1"])
  }
}
