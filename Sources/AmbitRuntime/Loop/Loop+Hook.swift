internal import CFiber

/// A function of a plugin that the host calls once, with the argument that came with it.
public typealias HookFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// A hook that a fiber wants called on the loop's own stack.
struct HookCall {
  let function: HookFunction
  let argument: UnsafeMutableRawPointer?
}

extension UnsafeMutablePointer<Loop> {
  /// Calls a hook of a plugin, on the loop's own stack: a fiber that calls it rests until that has returned, so that
  /// code which checks the bounds of its thread's stack finds itself within them.
  ///
  /// What the hook calls is on no job's account, so a wait in it fails.
  public func callHook(_ function: HookFunction, _ argument: UnsafeMutableRawPointer?) {
    guard let job = pointee.current else { return function(argument) }
    pointee.hookCall = HookCall(function: function, argument: argument)
    cfiber_switch(job.fiber, ownFiber)
  }

  /// Calls, on the loop's own stack, the hook that the fiber of `job` waits for, and lets the fiber go on.
  @inline(never)
  func answer(_ call: HookCall, of job: JobPointer) {
    pointee.hookCall = nil
    pointee.current = nil
    call.function(call.argument)
    pointee.current = job
    cfiber_switch(ownFiber, job.fiber)
  }
}
