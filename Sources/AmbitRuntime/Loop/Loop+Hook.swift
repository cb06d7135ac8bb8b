internal import CFiber

/// A function of a plugin that the host calls once, with the argument that came with it.
public typealias HookFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// A hook that a fiber wants called on the loop's own stack.
struct HookCall {
  let kind: WorkName.Kind
  let scope: ScopePointer
  let function: HookFunction
  let argument: UnsafeMutableRawPointer?
  /// The fiber waits for it; else it is to run when the fiber has left the thread.
  var isAwaited = true
}

extension UnsafeMutablePointer<Loop> {
  /// Calls a hook of `scope`, on the loop's own stack: a fiber that calls it rests until that has returned, so that
  /// code which checks the bounds of its thread's stack finds itself within them.
  ///
  /// What the hook calls is on no job's account, so a wait in it fails.
  func callHook(
    _ kind: WorkName.Kind, of scope: ScopePointer, _ function: HookFunction, _ argument: UnsafeMutableRawPointer?
  ) {
    guard let job = pointee.current else {
      noteHook(kind, of: scope) { function(argument) }
      return ForkedChild.endIfReturned(from: kind, of: scope)
    }
    pointee.hookCall = HookCall(kind: kind, scope: scope, function: function, argument: argument)
    cfiber_switch(job.pointee.fiber!, ownFiber)
  }

  /// Runs a hook of `scope` that is called on the loop's own stack, so that others can tell what the loop does.
  @inline(__always)
  func noteHook(_ kind: WorkName.Kind, of scope: ScopePointer, _ hook: () -> Void) {
    let (outerScope, outerKind) = (pointee.hookScope, pointee.hookKind)
    pointee.hookKind = kind
    pointee.hookScope = scope
    hook()
    pointee.hookScope = outerScope
    pointee.hookKind = outerKind
  }

  /// Has `function` called with the loop's address on the loop's own stack when the running fiber has left the thread,
  /// unless that wants another hook called before.
  func callHookLater(of scope: ScopePointer, _ function: HookFunction) {
    guard pointee.hookCall == nil else { return }
    pointee.hookCall = HookCall(
      kind: .host, scope: scope, function: function, argument: UnsafeMutableRawPointer(self), isAwaited: false)
  }

  /// Calls, on the loop's own stack, the hook that the fiber of `job` waits for, and lets the fiber go on; or what was
  /// to run when it has left.
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
