import AmbitCore
import CAmbit
import CFiber
import Testing

@testable import AmbitRuntime

/// Jobs that ask for more than the loop's stacks have.
@Suite struct `A large stack` {
  private static let asked = 3 << 20

  /// Writes to the lowest byte of the stack that the running job has.
  private static func touchBottom(of stage: Stage) -> UnsafeMutablePointer<cfiber> {
    let fiber = stage.loop.pointee.current!.pointee.fiber!
    fiber.pointee.stack_low!.storeBytes(of: 1, as: UInt8.self)
    return fiber
  }

  @Test func `A large stack has at least the size asked for, and comes from a pool of its own`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawn(options: { $0.stack_size = UInt32(Self.asked) }, ended: { stage.note("ends \($0) \($1)") }) {
        scope in
        let fiber = Self.touchBottom(of: stage)
        stage.note(fiber.pointee.stack_size >= Self.asked ? "as large" : "\(fiber.pointee.stack_size) bytes")
        _ = scope.sleep(1)
        return .ok
      }
      scope.asHandle.spawn(ended: { _, _ in }) { _ in
        stage.note("\(stage.loop.pointee.stackPool.created) of the usual")
        return .ok
      }
      stage.end(scope)
    }
    #expect(steps == ["as large", "1 of the usual", "ends completed OK"])
  }

  @Test func `A large stack gives its memory back when its job ends, and is used again`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var stacks: Set<UnsafeMutableRawPointer> = []
      func spawnOne(then next: @escaping () -> Void) {
        scope.asHandle.spawn(options: { $0.stack_size = UInt32(Self.asked) }, ended: { _, _ in next() }) { _ in
          stacks.insert(Self.touchBottom(of: stage).pointee.stack_low!)
          return .ok
        }
      }
      func look() {
        let used = StackUse.bytes(of: stacks.first!, size: Self.asked)
        stage.note(
          "\(stacks.count) stack, \(used ?? -1) bytes of it in memory, \(stage.loop.pointee.largeStacks.liveCount) live"
        )
      }
      spawnOne {
        look()
        spawnOne {
          look()
          scope.cancel(.called)
        }
      }
    }
    #expect(steps == Array(repeating: "1 stack, 0 bytes of it in memory, 0 live", count: 2))
  }

  @Test func `A ticker has its large stack for each of its ticks`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      var ticks = 0
      scope.asHandle.every(1, "ticker", options: { $0.stack_size = UInt32(Self.asked) }) { _ in
        ticks += 1
        let isLarge = Self.touchBottom(of: stage).pointee.stack_size >= Self.asked
        stage.note("\(ticks): \(isLarge ? "as large" : "smaller"), \(stage.loop.pointee.largeStacks.liveCount) live")
        if ticks == 3 { scope.cancel(.called) }
        return .ok
      }
    }
    #expect(steps == (1...3).map { "\($0): as large, 1 live" } + ["ticker ends cancelled CANCELLED"])
  }

  @Test func `A stack no larger than the usual size is a usual stack`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawn(options: { $0.stack_size = 256 << 10 }, ended: { _, _ in }) { scope in
        stage.note(
          "\(stage.loop.pointee.stackPool.created) of the usual, \(stage.loop.pointee.largeStacks.liveCount) others")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["1 of the usual, 0 others"])
  }
}
