import AmbitCore
import CAmbit

@testable import AmbitRuntime

/// A job whose function and hook are closures.
private final class StagedJob {
  let run: (ScopeHandle) -> Status
  let ended: (Outcome, Status) -> Void

  init(run: @escaping (ScopeHandle) -> Status, ended: @escaping (Outcome, Status) -> Void) {
    self.run = run
    self.ended = ended
  }
}

/// What a call of `ambit_spawn` returned.
struct Spawned {
  let status: Status
  let job: OpaquePointer?
}

extension ScopeHandle {
  /// Spawns a job that runs `body`; `ended` is its hook.
  @discardableResult
  func spawn(
    options changes: (inout ambit_job_options) -> Void = { _ in },
    ended: @escaping (Outcome, Status) -> Void,
    body: @escaping (ScopeHandle) -> Status
  ) -> Spawned {
    var options = ambit_default_job_options(nil)
    options.on_end = { argument, outcome, code in
      Unmanaged<StagedJob>.fromOpaque(argument!).takeRetainedValue()
        .ended(Outcome(rawValue: UInt8(outcome))!, Status(rawValue: code))
    }
    changes(&options)
    var job: OpaquePointer?
    let function: ambit_job_fn = { scope, argument in
      Unmanaged<StagedJob>.fromOpaque(argument!).takeUnretainedValue().run(scope!).rawValue
    }
    let argument = Unmanaged.passRetained(StagedJob(run: body, ended: ended)).toOpaque()
    let status = ambit_spawn(self, function, argument, &options, &job)
    return Spawned(status: Status(rawValue: status), job: job)
  }

  /// Spawns a job that runs `body`, and whose hook notes how it ended: "NAME ends OUTCOME CODE".
  @discardableResult
  func spawn(_ name: String, timeout: Int64 = 0, _ body: @escaping (ScopeHandle) -> Status) -> OpaquePointer? {
    spawn(
      options: { $0.timeout = timeout },
      ended: { outcome, code in Stage.current.note("\(name) ends \(outcome) \(code)") },
      body: body
    ).job
  }
}
