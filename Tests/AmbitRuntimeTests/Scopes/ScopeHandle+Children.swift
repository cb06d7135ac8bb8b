import AmbitCore
import CAmbit

@testable import AmbitRuntime

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
