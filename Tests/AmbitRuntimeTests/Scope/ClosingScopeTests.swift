import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct ClosingAScope {
  @Test func `cancels what is left, and undoes what was deferred before it returns`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.deferring { stage.note("undone") }
        child.spawn("waiting") { child in
          stage.note("\(child.sleep()) \(child.cause)")
          return .cancelled
        }
        _ = scope.yield()
        child.spawn("new") { _ in .ok }
        stage.note("\(child.closeChild()) \(scope.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "new ends cancelled CANCELLED", "CANCELLED called", "waiting ends cancelled CANCELLED", "undone", "OK none",
        "opener ends completed OK",
      ])
  }

  @Test func `needs no turn if nothing is left`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let turn = stage.loop.pointee.turn
        let status = scope.openChild().scope!.closeChild()
        stage.note("\(status) in the same turn: \(stage.loop.pointee.turn == turn)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["OK in the same turn: true", "opener ends completed OK"])
  }

  @Test func `goes on to the end when the closing job and all around it are cancelled`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let opener = scope.spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.spawn("inner") { child in
          child.shield()
          _ = child.sleep(3_000_000)
          stage.note("inner is done")
          return .ok
        }
        _ = scope.yield()
        stage.note("\(child.closeChild()) \(scope.cause) \(scope.sleep())")
        return .ok
      }
      stage.afterTurns(3) {
        scope.asHandle.cancel(opener)
        scope.cancel(.deadline)
      }
    }
    #expect(
      steps == [
        "inner is done", "inner ends completed OK", "OK deadline CANCELLED", "opener ends completed OK",
        "request closes: deadline",
      ])
  }

  @Test func `is refused for a scope that no plugin opened, and from inside`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.spawn("opener") { scope in
        let child = scope.openChild().scope!
        let below = child.openChild().scope!
        below.spawn("inside") { inner in
          stage.note("\(inner.closeChild()) \(child.closeChild()) \(scope.closeChild())")
          return .ok
        }
        _ = scope.joinAll()
        _ = below.joinAll()
        stage.note("\(scope.closeChild()) \(below.closeChild()) \(child.closeChild())")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "WRONG_STATE WRONG_STATE WRONG_STATE", "inside ends completed OK", "WRONG_STATE OK OK",
        "opener ends completed OK",
      ])
  }

  @Test func `is one job's alone`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.spawn("inner") { child in
          child.shield()
          return child.sleep(1_000_000)
        }
        scope.spawn("other") { _ in
          stage.note("other: \(child.closeChild())")
          return .ok
        }
        _ = scope.yield()
        stage.note("\(child.closeChild())")
        scope.cancel()
        return .ok
      }
    }
    #expect(
      steps == [
        "WRONG_STATE", "opener ends completed OK", "inner ends completed OK", "other: OK", "other ends completed OK",
      ])
  }

  @Test func `waits for what a deferred function tried to spawn`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.deferring { child.spawn("late") { _ in .ok } }
        stage.note("\(child.closeChild())")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["late ends cancelled CANCELLED", "OK", "opener ends completed OK"])
  }
}
