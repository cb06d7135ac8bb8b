internal import AmbitCore
internal import CAmbit

// What a call must be for checked mode to let it through to the host; what is not is reported, and has no effect.

/// The handle that a plugin passes.
typealias PassedScope = UnsafeMutablePointer<ambit_scope>?

extension PassedScope {
  /// The table of the calls themselves, which lies behind that of the checks.
  var calls: UnsafePointer<ambit_api> { self!.pointee.api + 1 }

  /// Why a call [job] on the scope must not be made; nil if it may.
  func refusal(_ call: StaticString) -> Int32? { misuse(call, waits: false)?.rawValue }

  /// Why a call [job, waits] on the scope must not be made; nil if it may.
  func waitRefusal(_ call: StaticString) -> Int32? { misuse(call, waits: true)?.rawValue }

  /// Whether a call [job] on the scope that returns no status may be made.
  func permits(_ call: StaticString) -> Bool { misuse(call, waits: false) == nil }

  /// Passes on what a call returned, and reports that it came at the wrong time, if it says so.
  func expecting(_ rule: String, _ call: StaticString, _ result: Int32) -> Int32 {
    if result == Status.wrongState.rawValue, let self {
      Misuse.report(call, .of(self), "returned AMBIT_WRONG_STATE: \(rule)")
    }
    return result
  }

  fileprivate func misuse(_ call: StaticString, waits: Bool) -> Status? {
    guard let self else { return .invalid }
    return ScopePointer.of(self).misuse(call, waits: waits)
  }
}

extension UnsafeMutablePointer<Scope> {
  fileprivate func misuse(_ call: StaticString, waits: Bool) -> Status? {
    guard pointee.state != .closed else {
      Misuse.report(call, self, "was called on a scope that has closed")
      return .wrongState
    }
    guard isOfThisThread else {
      Misuse.report(call, self, "was called on a thread that runs no job of the scope: use an ambit_ref there")
      return .wrongThread
    }
    guard waits, CallSite.isInHook else { return nil }
    let isOnLoop = LoopPointer.ofThisThread != nil && pointee.loop.pointee.hookScope != nil
    let place = isOnLoop ? pointee.loop.pointee.hookKind.phrase : "a hook"
    Misuse.report(call, self, "was called in \(place), which must not wait")
    return .wrongState
  }

  /// Whether the calling thread runs the scope's loop, or a job of it.
  private var isOfThisThread: Bool {
    if let loop = LoopPointer.ofThisThread { return loop == pointee.loop }
    return CallSite.job?.pointee.loop == pointee.loop
  }
}

extension PassedScope {
  /// Why a call on the scope must not be made that names a job, too; nil if it may.
  func refusal(_ call: StaticString, job: OpaquePointer?, waits: Bool) -> Int32? {
    if let status = misuse(call, waits: waits) { return status.rawValue }
    guard let self, let job else { return nil }
    guard JobPointer(job).pointee.state == .forgotten else { return nil }
    Misuse.report(call, .of(self), "was called with the handle of a job whose scope has closed")
    return Status.wrongState.rawValue
  }

  /// Why a call on the scope must not be made that names something in the memory of `owner`, too; nil if it may.
  func waitRefusal(_ call: StaticString, owner: ScopePointer?) -> Int32? {
    if let status = misuse(call, waits: true) { return status.rawValue }
    guard let owner, owner.pointee.state == .closed else { return nil }
    Misuse.report(call, owner, "was called with the handle of an event or a channel whose scope has closed")
    return Status.wrongState.rawValue
  }
}
