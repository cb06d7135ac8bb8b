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

/// What a call of `ambit_open` returned.
struct Opened {
  let status: Status
  let scope: ScopeHandle?
}

extension ScopeHandle {
  /// Opens a scope inside this one, by `ambit_open`.
  func openChild(_ changes: (inout ambit_scope_options) -> Void = { _ in }) -> Opened {
    var options = ambit_default_scope_options(nil)
    changes(&options)
    var child: ScopeHandle?
    let status = ambit_open(self, &options, &child)
    return Opened(status: Status(rawValue: status), scope: child)
  }

  func closeChild() -> Status { Status(rawValue: ambit_close(self)) }

  @discardableResult
  func shield(_ isOn: Bool = true) -> Status { Status(rawValue: ambit_shield(self, isOn)) }

  @discardableResult
  func setTimeout(_ timeout: Int64) -> Status { Status(rawValue: ambit_set_timeout(self, timeout)) }

  var deadline: Int64 { ambit_deadline(self) }

  /// Calls `body` when the scope is cancelled.
  @discardableResult
  func onCancel(_ body: @escaping () -> Void) -> Status {
    let status = ambit_on_cancel(
      self, { Unmanaged<Told>.fromOpaque($0!).takeRetainedValue().run() },
      Unmanaged.passRetained(Told(body)).toOpaque())
    return Status(rawValue: status)
  }

  var reference: ambit_ref { ambit_ref_of(self) }
}

private final class Told {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}

extension ambit_ref {
  var cause: Cause { Cause(rawValue: UInt8(ambit_ref_cancelled(self)))! }

  /// Posts a job that runs `body` and is told of nothing else. From any thread.
  func post(_ body: @escaping @Sendable (ScopeHandle) -> Status) -> Status {
    let job = Unmanaged.passRetained(Posted(body))
    let status = ambit_post(
      self, { scope, job in Unmanaged<Posted>.fromOpaque(job!).takeRetainedValue().run(scope!).rawValue },
      job.toOpaque())
    if status != AMBIT_OK { job.release() }
    return Status(rawValue: status)
  }
}

private final class Posted: Sendable {
  let run: @Sendable (ScopeHandle) -> Status
  init(_ run: @escaping @Sendable (ScopeHandle) -> Status) { self.run = run }
}
