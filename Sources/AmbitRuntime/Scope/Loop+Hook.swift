internal import CFiber

/// A function of a plugin that the host calls once, with the argument that came with it.
public typealias HookFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// A hook that is to be called on the loop's own stack.
struct HookCall {
  let kind: WorkLabel.Kind
  let scope: ScopePointer
  let function: HookFunction
  let argument: UnsafeMutableRawPointer?
  /// The fiber waits until the hook has returned; otherwise the hook runs when the fiber has left the thread.
  var isAwaited = true
}

extension UnsafeMutablePointer<Loop> {
  /// Calls a hook of `scope` on the loop's own stack, since code that checks the bounds of its thread's stack would
  /// fail on a fiber's. A fiber that calls it waits until the hook has returned.
  ///
  /// The hook belongs to no job, so waits in it fail.
  func callHook(
    _ kind: WorkLabel.Kind, of scope: ScopePointer, _ function: HookFunction, _ argument: UnsafeMutableRawPointer?
  ) {
    guard let job = pointee.current else {
      noteHook(kind, of: scope) { function(argument) }
      return ForkedChild.endIfReturned(from: kind, of: scope)
    }
    pointee.hookCall = HookCall(kind: kind, scope: scope, function: function, argument: argument)
    cfiber_switch(job.pointee.fiber!, ownFiber)
  }

  /// Runs a hook of `scope` on the loop's own stack and notes it as the loop's work, for reports.
  @inline(__always)
  func noteHook(_ kind: WorkLabel.Kind, of scope: ScopePointer, _ hook: () -> Void) {
    let (outerScope, outerKind) = (pointee.hookScope, pointee.hookKind)
    pointee.hookKind = kind
    pointee.hookScope = scope
    hook()
    pointee.hookScope = outerScope
    pointee.hookKind = outerKind
  }

  /// Has `function` called with the loop's address, on the loop's own stack, when the running fiber has left the
  /// thread. No effect if another hook is to be called then.
  func callHookLater(of scope: ScopePointer, _ function: HookFunction) {
    guard pointee.hookCall == nil else { return }
    pointee.hookCall = HookCall(
      kind: .host, scope: scope, function: function, argument: UnsafeMutableRawPointer(self), isAwaited: false)
  }

  /// Calls the hook that the fiber of `job` has asked for, on the loop's own stack, and resumes the fiber if it waits.
  @inline(never)
  func answer(_ call: HookCall, of job: JobPointer) {
    pointee.hookCall = nil
    pointee.current = nil
    noteHook(call.kind, of: call.scope) { call.function(call.argument) }
    ForkedChild.endIfReturned(from: call.kind, of: call.scope)
    pointee.current = job
    if call.isAwaited { cfiber_switch(ownFiber, job.pointee.fiber!) }
  }
}
