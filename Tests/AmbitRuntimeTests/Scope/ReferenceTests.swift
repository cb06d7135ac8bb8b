import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct ReferencesToScopes {
  @Test func `A reference tells the cause of its scope, and done after the scope has closed`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        let child = scope.openChild().scope!
        let reference = child.reference
        stage.note("\(reference.cause)")
        child.cancel()
        stage.note("\(reference.cause)")
        stage.note("\(child.closeChild()) \(reference.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["none", "called", "OK done", "job ends completed OK"])
  }

  @Test func `A reference to a cancelled scope tells its cause`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        scope.cancel()
        stage.note("\(scope.reference.cause) \(scope.reference.post { _ in .ok })")
        return .ok
      }
    }
    #expect(steps == ["called CLOSED", "job ends completed OK"])
  }

  @Test func `A reference to a closed scope does not name a later scope in the same slot`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        var references: [ambit_ref] = []
        for _ in 0..<100 {
          let child = scope.openChild().scope!
          references.append(child.reference)
          _ = child.closeChild()
        }
        let last = scope.openChild().scope!.reference
        let stale = references.filter { $0.cause == .done && $0.post { _ in .ok } == .closed }
        stage.note("\(stale.count) stale, \(Set(references.map(\.id)).count) different, \(last.cause)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["100 stale, 100 different, none", "job ends completed OK"])
  }

  @Test func `A reference without a scope is closed`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let references = [0, 1, UInt64.max, UInt64(UInt32.max)].map { ambit_ref(api: stage.loop.pointee.api, id: $0) }
      for reference in references { stage.note("\(reference.post { _ in .ok }) \(reference.cause)") }
      scope.cancel(.called)
    }
    #expect(steps == Array(repeating: "CLOSED done", count: 4))
  }

  @Test func `A reference keeps a request from being idle while its scope is open`() throws {
    let steps = try Stage.play { stage in
      let request = stage.open("", kind: .request)
      request.spawn("job") { scope in
        let child = scope.openChild().scope!
        stage.note("\(request.hasReferences)")
        _ = child.reference
        _ = child.reference
        stage.note("\(request.hasReferences) \(request.pointee.referenceCount)")
        _ = child.closeChild()
        stage.note("\(request.hasReferences)")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["false", "true 1", "false", "job ends completed OK"])
  }
}

@Suite struct WaitingForARequestToBeIdle {
  @Test func `A request is idle after the last job and the last reference below`() throws {
    let steps = try Stage.play { stage in
      let request = stage.open("", kind: .request)
      request.spawn("opener") { scope in
        let child = scope.openChild().scope!
        _ = child.reference
        child.spawn("inner") { inner in
          _ = inner.sleep(1_000_000)
          return .ok
        }
        _ = child.joinAll()
        stage.note("closing")
        return child.closeChild()
      }
      request.runHostJob("work") { scope in
        let status = JobPointer.ofThisThread!.awaitIdle(in: scope)
        stage.note("idle: \(status)")
        scope.cancel(.done)
      }
    }
    #expect(steps == ["inner ends completed OK", "closing", "opener ends completed OK", "idle: OK"])
  }

  @Test func `The end of a request ends the wait until it is idle`() throws {
    let steps = try Stage.play { stage in
      let request = stage.open("", kind: .request)
      _ = request.asHandle.reference
      request.runHostJob("work") { scope in stage.note("\(JobPointer.ofThisThread!.awaitIdle(in: scope))") }
      stage.afterTurns(2) { request.cancel(.disconnect) }
    }
    #expect(steps == ["CANCELLED"])
  }
}
