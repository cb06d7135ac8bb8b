import AmbitSystem
import Testing

@testable import AmbitRuntime

@Suite struct LoopGroups {
  @Test func `A group runs the given number of loops, each on its own thread`() throws {
    let group = try LoopGroup(count: 3, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    #expect(group.loops.count == 3)
    let indexes = group.onEach { loop in LoopPointer.ofThisThread == loop ? loop.pointee.index : -1 }
    #expect(indexes.sorted() == [0, 1, 2])
  }

  @Test func `A group runs one loop for each CPU that the process may use if the number is 0`() throws {
    let group = try LoopGroup(count: 0, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    #expect(group.loops.count == UsableCPUs.current.count)
  }

  @Test func `A group stops although work waits, and a second stop has no effect`() throws {
    let group = try LoopGroup(count: 2, table: HostTable { _ in }, limits: RuntimeLimits())
    let latch = Latch<Void>(expected: 2)
    for loop in group.loops {
      loop.post { loop in
        loop.pointee.root.runHostJob("work") { scope in
          latch.arrive(())
          _ = scope.asHandle.sleep()
        }
      }
    }
    #expect(latch.wait(timeout: 120_000_000_000) != nil)
    group.stop()
    group.stop()
  }

  @Test(arguments: [0, 4_095, 1 << 41]) func `A group refuses an impossible stack size`(stackSize: Int) {
    #expect(throws: SystemError.self) {
      _ = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits(stackSize: stackSize))
    }
  }
}
