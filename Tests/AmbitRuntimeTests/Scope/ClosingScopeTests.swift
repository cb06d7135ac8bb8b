import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct ClosingAScope {
  @Test func `ambit_close cancels the jobs that are left, and runs the deferred functions before it returns`() throws {
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

  @Test func `ambit_close needs no turn if the scope has no jobs`() throws {
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

  @Test func `ambit_close goes on to its end when the closing job and all scopes around it are cancelled`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let opener = scope.spawn("opener") { scope in
        let child = scope.openChild().scope!
        child.spawn("inner") { child in
          child.shield()
          _ = child.sleep(200_000_000)
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

  @Test func `ambit_close refuses a scope that no plugin opened, and a job inside the scope`() throws {
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

  @Test func `Only one job can close a scope`() throws {
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

  @Test func `ambit_close waits for the hook of a job that a deferred function tried to spawn`() throws {
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
