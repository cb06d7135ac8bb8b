import AmbitCore
import CFiber
import Glibc
import Testing

@testable import AmbitRuntime

extension Stage {
  /// Lets this process map so many bytes more than it has mapped by now, which differs with what ran before.
  private static func limitAddressSpace(toMore bytes: UInt) {
    let pages = (try? TextFile.read("/proc/self/statm"))?.split(separator: " ").first.flatMap { UInt($0) }
    guard let pages else { preconditionFailure("/proc/self/statm is not as proc(5) says") }
    let size = pages * UInt(getpagesize()) + bytes
    var limit = rlimit(rlim_cur: size, rlim_max: size)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }

  /// Runs more jobs at once than there is address space for their stacks, and prints what became of them.
  fileprivate static func exhaustStacks() throws {
    let jobs = 1_000
    let steps = try play(limits: RuntimeLimits(stackSize: 16 << 20)) { stage in
      let scope = stage.open("")
      var codes: [String: Int] = [:]
      limitAddressSpace(toMore: 4 << 30)  // the stacks would take 16 GiB
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
    HostProcess.writeError("\(steps)\n")
  }
}

@Suite struct Stacks {
  @Test(.enabled(if: !isSanitized))
  func `that cannot be had end the job with that, and the others go on`() async throws {
    // One stream only: each that is observed takes a thread of the test's pool, and two such tests would fill it.
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      try Stage.exhaustStacks()
    }
    let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(output.contains(#"["some have no stack", "1000 have ended, of 1000"]"#), "\(output)")
    #expect(output.contains("job failed with NO_MEMORY"))
  }

  @Test func `are reused: many jobs in turn need no more than run at once`() throws {
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
  @Test func `give their memory back after a burst, all but as many as the loop keeps`() throws {
    let jobs = Loop.keptStacks + 500
    let steps = try Stage.play { stage in
      let burst = stage.open("burst")
      for _ in 0..<jobs { burst.asHandle.spawn(ended: { _, _ in }) { $0.sleep() } }
      let witness = stage.open("")
      witness.spawn("witness") { scope in
        while stage.loop.pointee.stackPool.created < jobs { _ = scope.yield() }
        burst.cancel(.called)
        while stage.loop.pointee.stackPool.cold_count < 500 { _ = scope.sleep(1_000_000) }
        stage.note("\(stage.loop.pointee.stackPool.cold_count) of \(stage.loop.pointee.stackPool.free_count) are cold")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["burst closes: called", "500 of \(jobs) are cold", "witness ends completed OK"])
  }
}
