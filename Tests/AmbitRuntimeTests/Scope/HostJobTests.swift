import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct HostJobs {
  @Test func `A job of the host may wait, and keeps its scope from closing`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("plugin", kind: .plugin)
      scope.runHostJob("work") { scope in
        stage.note("\(scope.asHandle.yield()) \(scope.asHandle.sleep(0))")
        scope.cancel(.shutdown)
        stage.note("\(scope.asHandle.sleep())")
      }
      stage.note("asked for")
    }
    #expect(steps == ["asked for", "OK OK", "CANCELLED", "plugin closes: shutdown"])
  }

  @Test func `A job of the host runs in a cancelled scope too`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("plugin", kind: .plugin)
      scope.hold()
      scope.cancel(.retired)
      scope.runHostJob("work") { scope in stage.note("runs: \(scope.asHandle.cause)") }
      scope.release()
    }
    #expect(steps == ["runs: retired", "plugin closes: retired"])
  }
}
