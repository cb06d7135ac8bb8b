import AmbitCore
import CFiber
import Glibc
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct Stacks {
  /// Sixteen times as many stacks as are mapped at once, of which one such mapping takes most of the address space that
  /// a process has (47 bits on x86-64).
  @Test(.enabled(if: !isSanitized))
  func `A job without memory for a stack fails, and the other jobs go on`() throws {
    let jobs = 1_000
    let steps = try Stage.play(limits: RuntimeLimits(stackSize: 1 << 40)) { stage in
      let scope = stage.open("")
      var codes: [String: Int] = [:]
      for _ in 0..<jobs {
        scope.asHandle.spawn(ended: { _, code in codes["\(code)", default: 0] += 1 }) { $0.sleep() }
      }
      stage.afterTurns(10) {
        let refused = codes["NO_MEMORY", default: 0]
        stage.note(refused > 0 && refused < jobs ? "some have no stack" : "\(codes)")
        scope.asHandle.deferring {
          let cancelled = codes["CANCELLED", default: 0]
          stage.note("\(refused + cancelled) have ended, of \(codes.values.reduce(0, +))")
        }
        scope.cancel(.called)
      }
    }
    #expect(steps == ["some have no stack", "1000 have ended, of 1000"])
  }

  @Test func `Stacks are reused: many jobs need no more than run at once`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for _ in 0..<5_000 { scope.asHandle.spawn(ended: { _, _ in }) { _ in .ok } }
      scope.spawn("last") { scope in
        stage.note("\(stage.loop.pointee.stackPool.created) stacks")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["1 stacks", "last ends completed OK"])
  }

  /// The pages that are in memory are counted in the tests of CFiber; here it is when the loop has them given back.
  @Test func `After a burst the loop gives the memory of its stacks back, except of those it keeps`() throws {
    let jobs = Loop.keptStacks + 500
    let steps = try Stage.play { stage in
      let burst = stage.open("burst")
      for _ in 0..<jobs { burst.asHandle.spawn(ended: { _, _ in }) { $0.sleep() } }
      let witness = stage.open("")
      witness.spawn("witness") { scope in
        // The witness has a stack too, and may run before the last jobs of the burst.
        while stage.loop.pointee.stackPool.created < jobs + 1 { _ = scope.yield() }
        burst.cancel(.called)
        while stage.loop.pointee.stackPool.cold_count < 500 { _ = scope.sleep(1_000_000) }
        stage.note("\(stage.loop.pointee.stackPool.cold_count) of \(stage.loop.pointee.stackPool.free_count) are cold")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["burst closes: called", "500 of \(jobs) are cold", "witness ends completed OK"])
  }

  @Test func `The loop gives memory back for a few stacks in each turn, so that it is never blocked`() throws {
    let slices = 4
    let jobs = Loop.keptStacks + slices * Loop.trimSlice
    let steps = try Stage.play { stage in
      let burst = stage.open("")
      for _ in 0..<jobs { burst.asHandle.spawn(ended: { _, _ in }) { $0.sleep() } }
      let witness = stage.open("")
      witness.asHandle.spawn(ended: { _, _ in }) { scope in
        let pool = stage.loop.stackPool
        while pool.pointee.created < jobs + 1 { _ = scope.yield() }
        burst.cancel(.called)
        var growth: [Int] = []
        while pool.pointee.cold_count < slices * Loop.trimSlice {
          let (turn, cold) = (stage.loop.pointee.turn, pool.pointee.cold_count)
          _ = scope.sleep(0)
          if stage.loop.pointee.turn == turn + 1, pool.pointee.cold_count > cold {
            growth.append(pool.pointee.cold_count - cold)
          }
        }
        stage.note("at most \(growth.max() ?? 0)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["at most \(Loop.trimSlice)"])
  }

  @Test func `A turn starts fewer jobs on new stacks than on used ones`() throws {
    let jobs = 16_000
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for _ in 0..<jobs { scope.asHandle.spawn(ended: { _, _ in }) { $0.sleep() } }
      stage.afterTurns(1) {
        let made = stage.loop.pointee.stackPool.created
        stage.note((1...jobs / 2 / Loop.newStackCost).contains(made) ? "a share" : "\(made) stacks")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["a share"])
  }
}
