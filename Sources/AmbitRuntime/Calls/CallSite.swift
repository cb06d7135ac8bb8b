internal import CFiber
package import AmbitCore
package import CAmbit

/// Where a plugin's call comes from, and what that allows.
package enum CallSite {
  /// Runs `body` with the job that makes a call on `scope`; `.wrongThread` on a thread that is not the scope's loop,
  /// `.wrongState` in a hook, which is on no job's account and cannot wait.
  @inline(__always)
  package static func job(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ScopePointer, JobPointer) -> Status)
    -> Int32
  {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard cfiber_loop() == UnsafeMutableRawPointer(scope.pointee.loop) else { return Status.wrongThread.rawValue }
    guard let job = scope.pointee.loop.pointee.current else { return Status.wrongState.rawValue }
    return body(scope, job).rawValue
  }

  /// Runs `body` on a call that needs no job, only the scope's loop: also in hooks.
  @inline(__always)
  package static func loop(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ScopePointer) -> Status) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard cfiber_loop() == UnsafeMutableRawPointer(scope.pointee.loop) else { return Status.wrongThread.rawValue }
    return body(scope).rawValue
  }
}
