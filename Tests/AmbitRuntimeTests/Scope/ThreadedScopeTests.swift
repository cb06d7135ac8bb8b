import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct ScopeCallsFromAThread {
  /// Runs `body` as a job on a thread of the pool, in a scope that ends with it, and returns what it returns.
  private func play(_ body: @escaping (ScopeHandle) -> [String]) throws -> [String] {
    let steps = Unchecked(body)
    let results = Latch<[String]>()
    _ = try Stage.play { stage in
      let scope = stage.open("").asHandle
      scope.spawn(options: { $0.flags = AMBIT_JOB_THREAD }, ended: { _, _ in scope.cancel() }) { scope in
        results.arrive(steps.value(scope))
        return .ok
      }
    }
    return try #require(results.arrived.first)
  }

  @Test func `A job on a thread opens, limits, cancels and closes a scope`() throws {
    let steps = try play { scope in
      let opened = scope.openChild {
        $0.timeout = 3_600_000_000_000
        $0.max_jobs = 1
      }
      let child = opened.scope!
      let statuses = (0..<2).map { _ in child.spawn(ended: { _, _ in }) { $0.sleep() }.status }
      return [
        "\(opened.status) \(statuses) \(child.deadline < .max)",
        "\(child.setTimeout(0)) \(child.sleep()) \(child.cause)",
        "\(scope.closeChild()) \(child.closeChild())",
      ]
    }
    #expect(steps == ["OK [OK, LIMIT] true", "OK CANCELLED deadline", "WRONG_STATE OK"])
  }

  @Test func `A job on a thread shields itself, registers hooks and sets values`() throws {
    let steps = try play { scope in
      let key = UnsafeRawPointer(bitPattern: 1)!
      let kept = Status(rawValue: ambit_set(scope, key, UnsafeMutableRawPointer(mutating: key)))
      var isTold = false
      scope.onCancel { isTold = true }
      scope.cancel()
      return [
        "\(kept) \(ambit_get(scope, key) == key) \(isTold)", "\(scope.sleep(1)) \(scope.shield()) \(scope.sleep(1))",
      ]
    }
    #expect(steps == ["OK true true", "CANCELLED OK OK"])
  }

  @Test func `A job on a thread makes references and posts jobs`() throws {
    let posted = Latch<Void>()
    let steps = try play { scope in
      let reference = scope.reference
      let status = reference.post { _ in
        posted.arrive(())
        return .ok
      }
      _ = posted.wait()
      return ["\(status) \(reference.cause)"]
    }
    #expect(steps == ["OK none"])
  }
}
