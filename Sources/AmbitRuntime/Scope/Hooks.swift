internal import AmbitCore
internal import CFiber
internal import CLinux
internal import Glibc

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
    let (outerScope, outerKind, outerMark) = (pointee.hookScope, pointee.hookKind, pointee.mark)
    pointee.hookKind = kind
    pointee.hookScope = scope
    pointee.mark = kind == .host ? .none : scope.pointee.mark.with(kind.inMark)
    hook()
    pointee.hookScope = outerScope
    pointee.hookKind = outerKind
    pointee.mark = outerMark
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

// Functions and descriptors that tell code outside the scope's waits that the scope has been cancelled.

/// A function to call when its scope is cancelled, in the scope's memory.
struct CancelHook: BitwiseCopyable {
  let function: HookFunction
  let argument: UnsafeMutableRawPointer?
  var next: UnsafeMutablePointer<CancelHook>?
}

extension UnsafeMutablePointer<Scope> {
  /// Calls `function(argument)` once when the scope is cancelled; now, if it has been.
  func onCancel(_ function: @escaping HookFunction, _ argument: UnsafeMutableRawPointer?) -> Status {
    guard pointee.isOpen else {
      pointee.loop.callHook(.onCancel, of: self, function, argument)
      return .ok
    }
    guard let coldState = ensureColdState() else { return .noMemory }
    let (status, hook) = makeWithinLimit(CancelHook(function: function, argument: argument, next: nil))
    guard let hook else { return status }
    if let last = coldState.pointee.lastHook {
      last.pointee.next = hook
    } else {
      coldState.pointee.firstHook = hook
    }
    coldState.pointee.lastHook = hook
    return .ok
  }

  /// Makes the scope's cancel descriptor readable, for threads that wait for it. Calling it twice has no effect.
  func signalCancel() {
    if let coldState = pointee.coldState { signal(coldState.pointee.cancelDescriptor) }
  }

  /// Signals the cancel descriptor and calls the hooks. A wait in a hook fails, since no job runs it.
  func tellOfCancel() {
    guard let coldState = pointee.coldState else { return }
    signal(coldState.pointee.cancelDescriptor)
    if coldState.pointee.firstHook != nil { pointee.loop.callHook(.onCancel, of: self, callCancelHooks, coldState) }
  }

  /// A descriptor that becomes readable when the scope is cancelled, the same at each call; a negative status if the
  /// system has none.
  var cancelDescriptor: Int32 {
    guard let coldState = ensureColdState() else { return Status.noMemory.rawValue }
    if coldState.pointee.cancelDescriptor < 0 {
      let descriptor = clinux_eventfd(pointee.isOpen ? 0 : 1)
      guard descriptor >= 0 else { return (errno == ENOMEM ? Status.noMemory : .limit).rawValue }
      coldState.pointee.cancelDescriptor = descriptor
    }
    return coldState.pointee.cancelDescriptor
  }

  private func signal(_ descriptor: Int32) {
    guard descriptor >= 0 else { return }
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  func closeCancelDescriptor(of coldState: UnsafeMutablePointer<ScopeColdState>) {
    guard coldState.pointee.cancelDescriptor >= 0 else { return }
    clinux_close(coldState.pointee.cancelDescriptor)
    coldState.pointee.cancelDescriptor = -1
  }
}

/// Calls all hooks, the first registered first, on the loop's own stack.
private let callCancelHooks: HookFunction = { record in
  let coldState = record!.assumingMemoryBound(to: ScopeColdState.self)
  while let hook = coldState.pointee.firstHook {
    coldState.pointee.firstHook = hook.pointee.next
    hook.pointee.function(hook.pointee.argument)
  }
}
