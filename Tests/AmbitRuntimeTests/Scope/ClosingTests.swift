import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct Closing {
  @Test func `A scope closes after its last job has returned, which nothing else ends`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      scope.spawn("stubborn") { scope in
        for turn in 1...3 { stage.note("wait \(turn): \(scope.sleep())") }
        return .ok
      }
      scope.spawn("canceller") { scope in
        scope.cancel()
        stage.note("open for its jobs")
        return .ok
      }
    }
    #expect(
      steps == [
        "open for its jobs", "canceller ends completed OK", "wait 1: CANCELLED", "wait 2: CANCELLED",
        "wait 3: CANCELLED", "stubborn ends completed OK", "request closes: called",
      ])
  }

  @Test func `Children close before their parents, whichever ends first`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let inner = stage.open("inner", below: outer)
      let innermost = stage.open("innermost", below: inner)
      outer.spawn("outer job") { $0.sleep() }
      innermost.spawn("innermost job") { scope in
        _ = scope.sleep()
        for _ in 0..<3 { stage.note("still here: \(scope.yield())") }
        return .ok
      }
      stage.afterTurns(2) { outer.cancel(.shutdown) }
    }
    #expect(
      steps == [
        "outer job ends cancelled CANCELLED", "still here: CANCELLED", "still here: CANCELLED",
        "still here: CANCELLED", "innermost job ends completed OK", "innermost closes: shutdown",
        "inner closes: shutdown", "outer closes: shutdown",
      ])
  }

  @Test func `The close of a child leaves its siblings and its parent open`() throws {
    let steps = try Stage.play { stage in
      let outer = stage.open("outer")
      let one = stage.open("one", below: outer)
      let two = stage.open("two", below: outer)
      two.spawn("job") { $0.sleep() }
      one.cancel(.called)
      stage.note("\(outer.pointee.state == .open) \(two.pointee.state == .open)")
      stage.afterTurns(2) { outer.cancel(.deadline) }
    }
    #expect(
      steps == [
        "one closes: called", "true true", "job ends cancelled CANCELLED", "two closes: deadline",
        "outer closes: deadline",
      ])
  }

  @Test func `A closed scope counts no jobs`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for _ in 0..<5 { scope.spawn("job") { $0.yield() } }
      stage.note("\(scope.pointee.jobCount) \(stage.loop.pointee.liveScopes)")
      stage.afterTurns(3) {
        stage.note("\(scope.pointee.jobCount)")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["5 2"] + Array(repeating: "job ends completed OK", count: 5) + ["0"])
  }
}
