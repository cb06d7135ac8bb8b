internal import AmbitCore
public import CAmbit
internal import Logging

// The checks of checked mode. A call that violates the contract of `ambit.h` is reported and has no effect.

/// The scope handle that a plugin passes to a call.
public typealias PassedScope = UnsafeMutablePointer<ambit_scope>?

extension PassedScope {
  /// The table of the calls, which lies behind the table of the checks.
  public var calls: UnsafePointer<ambit_api> { self!.pointee.api + 1 }

  /// The status to return from a call [job] on the scope that violates the contract; nil if the call may be made.
  public func violation(_ call: StaticString) -> Int32? { violation(of: call, waits: false)?.rawValue }

  /// The same for a call [job, waits].
  public func waitViolation(_ call: StaticString) -> Int32? { violation(of: call, waits: true)?.rawValue }

  /// Whether a call [job] on the scope that returns no status may be made.
  public func permits(_ call: StaticString) -> Bool { violation(of: call, waits: false) == nil }

  /// Passes on the result of a call. Reports the call if the result says that it came at the wrong time.
  public func expecting(_ rule: String, _ call: StaticString, _ result: Int32) -> Int32 {
    if result == Status.wrongState.rawValue, let self {
      ContractViolation.report(call, .of(self), "returned AMBIT_WRONG_STATE: \(rule)")
    }
    return result
  }

  fileprivate func violation(of call: StaticString, waits: Bool) -> Status? {
    guard let self else { return .invalid }
    return ScopePointer.of(self).violation(of: call, waits: waits)
  }
}

extension UnsafeMutablePointer<Scope> {
  fileprivate func violation(of call: StaticString, waits: Bool) -> Status? {
    guard pointee.state != .closed else {
      ContractViolation.report(call, self, "was called on a scope that has closed")
      return .wrongState
    }
    guard isOfThisThread else {
      ContractViolation.report(
        call, self, "was called on a thread that runs no job of the scope: use an ambit_ref there")
      return .wrongThread
    }
    guard waits, HostCall.isInHook else { return nil }
    let isOnLoop = LoopPointer.ofThisThread != nil && pointee.loop.pointee.hookScope != nil
    let place = isOnLoop ? pointee.loop.pointee.hookKind.phrase : "a hook"
    ContractViolation.report(call, self, "was called in \(place), which must not wait")
    return .wrongState
  }

  /// The calling thread runs the scope's loop, or a job of that loop.
  private var isOfThisThread: Bool {
    if let loop = LoopPointer.ofThisThread { return loop == pointee.loop }
    return JobPointer.ofThisThread?.pointee.loop == pointee.loop
  }
}

extension PassedScope {
  /// As above, for a call that also names a job.
  func violation(_ call: StaticString, job: OpaquePointer?, waits: Bool) -> Int32? {
    if let status = violation(of: call, waits: waits) { return status.rawValue }
    guard let self, let job else { return nil }
    guard JobPointer(job).pointee.state == .forgotten else { return nil }
    ContractViolation.report(call, .of(self), "was called with the handle of a job whose scope has closed")
    return Status.wrongState.rawValue
  }

  /// As above, for a call [job] that spawns a job. An option that the scope does not allow is reported; the call itself
  /// refuses it, and runs the job's hook.
  func violation(_ call: StaticString, options: UnsafePointer<ambit_job_options>?) -> Int32? {
    if let status = violation(of: call, waits: false) { return status.rawValue }
    if let self, let options, options.pointee.flags & AMBIT_JOB_ONCE != 0, ScopePointer.of(self).pointee.kind != .plugin
    {
      ContractViolation.report(call, .of(self), "was called with AMBIT_JOB_ONCE in another scope than the plugin's")
    }
    return nil
  }

  /// As above, for a call [job] that sets or resets an event of this scope.
  func violation(_ call: StaticString, changing event: UnsafeMutablePointer<ambit_event>?) -> Int32? {
    if let status = violation(of: call, waits: false) { return status.rawValue }
    guard let self, let event, EventPointer.of(event).pointee.isOfHost else { return nil }
    ContractViolation.report(call, .of(self), "was called with the event of ambit_draining, which the host alone sets")
    return Status.invalid.rawValue
  }

  /// As above, for a call [job, waits] that also names an event or a channel in the memory of `owner`.
  func waitViolation(_ call: StaticString, owner: ScopePointer?) -> Int32? {
    if let status = violation(of: call, waits: true) { return status.rawValue }
    guard let owner, owner.pointee.state == .closed else { return nil }
    ContractViolation.report(call, owner, "was called with the handle of an event or a channel whose scope has closed")
    return Status.wrongState.rawValue
  }
}

/// Reports of calls that violate the contract of `ambit.h`.
enum ContractViolation {
  /// Writes a line about a call with `scope`, which may have closed: "NAME REASON". From any thread.
  ///
  /// A closed scope stays in quarantine for a while, so the line can still name its plugin.
  static func report(_ call: StaticString, _ scope: ScopePointer, _ reason: String) {
    guard !ForkedChild.isCurrent else { return }
    PluginLog.write(.error, scope, job: JobPointer.ofThisThread, isFault: true, "\(call) \(reason)")
  }
}

// The quarantine of closed scopes in checked mode. A plugin may still have handles of a closed scope, of its jobs, and
// of events and channels in its memory. Their records are not used again at once, so that a use after close is
// recognised.

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var quarantineLink: LinkPointer { pointer(to: \.quarantine)! }

  /// How many closed scopes a loop keeps: a use after close is recognised until so many other scopes have closed.
  private static var quarantineSize: Int { 4096 }

  /// Keeps a scope that has just closed, with its jobs and its memory. Releases the oldest one if there are too many.
  fileprivate func quarantine(_ scope: ScopePointer) {
    quarantineLink.append(scope.siblingLink)
    pointee.quarantineCount += 1
    guard pointee.quarantineCount > Self.quarantineSize, let oldest = quarantineLink.popFirst() else { return }
    pointee.quarantineCount -= 1
    ScopePointer.of(sibling: oldest).releaseRecords()
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The last step of a close in checked mode.
  func quarantine() {
    endedJobsLink.forEach { JobPointer.of(sibling: $0).pointee.state = .forgotten }
    if pointee.kind != .plugin { pointee.loop.quarantine(self) }
  }

  /// The last step of a close: gives the memory and the records of jobs back, and the scope's record to its observer.
  @inline(__always)
  func releaseRecords() {
    let loop = pointee.loop
    while let link = endedJobsLink.popFirst() { loop.recycle(JobPointer.of(sibling: link)) }
    if !pointee.memory.isEmpty { pointee.memory.release(to: loop) }
    if pointee.kind != .plugin { pointee.observer?.closed(self) }
  }
}
