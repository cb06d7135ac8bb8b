import AmbitCore
import CAmbit

@testable import AmbitRuntime

/// A ticker whose tick and hook are closures.
private final class Ticker {
  let tick: (ScopeHandle) -> Status
  let ended: (Outcome, Status) -> Void

  init(tick: @escaping (ScopeHandle) -> Status, ended: @escaping (Outcome, Status) -> Void) {
    self.tick = tick
    self.ended = ended
  }
}

extension ScopeHandle {
  /// Starts a ticker whose hook notes how it ended: "NAME ends OUTCOME CODE".
  @discardableResult
  func every(
    _ interval: Int64, _ name: String, options changes: (inout ambit_job_options) -> Void = { _ in },
    _ tick: @escaping (ScopeHandle) -> Status
  ) -> Spawned {
    let ticker = Ticker(tick: tick) { outcome, code in Stage.current.note("\(name) ends \(outcome) \(code)") }
    var options = ambit_default_job_options(nil)
    options.on_end = { argument, outcome, code in
      Unmanaged<Ticker>.fromOpaque(argument!).takeRetainedValue()
        .ended(Outcome(rawValue: UInt8(outcome))!, Status(rawValue: code))
    }
    changes(&options)
    var job: OpaquePointer?
    let status = ambit_every(
      self, interval,
      { scope, argument in Unmanaged<Ticker>.fromOpaque(argument!).takeUnretainedValue().tick(scope!).rawValue },
      Unmanaged.passRetained(ticker).toOpaque(), &options, &job)
    return Spawned(status: Status(rawValue: status), job: job)
  }
}
