import AmbitCore
import CAmbit

@testable import AmbitRuntime

/// What plugins hold of a scope.
typealias ScopeHandle = UnsafeMutablePointer<ambit_scope>

// The calls that plugins make, through the functions of `ambit.h`, with Swift's types for what they return.

extension ScopeHandle {
  func sleep(_ duration: Int64 = .max) -> Status { Status(rawValue: ambit_sleep(self, duration)) }

  func yield() -> Status { Status(rawValue: ambit_yield(self)) }

  func join(_ job: OpaquePointer?, timeout: Int64 = -1) -> Status {
    Status(rawValue: ambit_join(self, job, timeout, nil, nil))
  }

  func joinAll(timeout: Int64 = -1) -> Status { Status(rawValue: ambit_join_all(self, timeout)) }

  func cancel() { ambit_cancel(self) }

  func cancel(_ job: OpaquePointer?) { ambit_cancel_job(self, job) }

  var cause: Cause { Cause(rawValue: UInt8(ambit_cancelled(self)))! }

  /// Calls `body` when the scope closes.
  @discardableResult
  func deferring(_ body: @escaping () -> Void) -> Status {
    let status = ambit_defer(
      self, { Unmanaged<Deferred>.fromOpaque($0!).takeRetainedValue().run() },
      Unmanaged.passRetained(Deferred(body)).toOpaque())
    return Status(rawValue: status)
  }
}

private final class Deferred {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}

extension ScopePointer {
  /// Spawns a job from outside any job, as the host does: see `ScopeHandle.spawn`.
  @discardableResult
  func spawn(_ name: String, timeout: Int64 = 0, _ body: @escaping (ScopeHandle) -> Status) -> OpaquePointer? {
    asHandle.spawn(name, timeout: timeout, body)
  }
}
