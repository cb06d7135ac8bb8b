import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

/// A scope of another loop, for calls that come from the wrong thread.
private struct ForeignScope: @unchecked Sendable {
  let handle: ScopeHandle
}

@Suite struct CallsFromTheWrongThread {
  /// What each call of the table that has a status returns for `scope`, by name.
  private static func statuses(_ scope: ScopeHandle) -> [String: Status] {
    let job = OpaquePointer(bitPattern: 0x1000)
    let results: [(String, Int32)] = [
      ("spawn", ambit_spawn(scope, { _, _ in 0 }, nil, nil, nil)),
      ("join", ambit_join(scope, job, -1, nil, nil)),
      ("join_all", ambit_join_all(scope, -1)),
      ("defer", ambit_defer(scope, { _ in }, nil)),
      ("sleep", ambit_sleep(scope, 0)),
      ("yield", ambit_yield(scope)),
      ("set_state", ambit_set_state(scope, nil)),
    ]
    return Dictionary(uniqueKeysWithValues: results.map { ($0.0, Status(rawValue: $0.1)) })
  }

  private func expectNothingDone(
    calling calls: (ForeignScope) throws -> [String: Status], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let scope = group.onEach { ForeignScope(handle: $0.pointee.root.asHandle) }[0]
    for (name, status) in try calls(scope) {
      #expect(status == .wrongThread, "\(name)", sourceLocation: sourceLocation)
    }
    let left = group.onEach { loop in (loop.pointee.root.pointee.jobCount, loop.pointee.root.pointee.cause) }
    #expect(left.first?.0 == 0 && left.first?.1 == Cause.none, sourceLocation: sourceLocation)
  }

  @Test func `Calls on a thread without a loop return WRONG_THREAD and have no effect`() throws {
    try expectNothingDone { scope in
      ambit_cancel(scope.handle)
      return Self.statuses(scope.handle)
    }
  }

  @Test func `Calls of a job of another loop return WRONG_THREAD and have no effect`() throws {
    try expectNothingDone { scope in
      let statuses = Latch<[String: Status]>()
      let steps = try Stage.play { stage in
        stage.open("").spawn("job") { own in
          ambit_cancel(scope.handle)
          statuses.arrive(Self.statuses(scope.handle))
          own.cancel()
          return .ok
        }
      }
      #expect(steps == ["job ends completed OK"])
      return try #require(statuses.arrived.first)
    }
  }

  @Test func `Memory is refused on a thread without a loop`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let root = group.onEach { ForeignScope(handle: $0.pointee.root.asHandle) }[0].handle
    #expect(ambit_alloc(root, 16) == nil)
    "text".withCString { #expect(ambit_cstr(root, ambit_str(ptr: $0, len: 4)) == nil) }
  }
}
