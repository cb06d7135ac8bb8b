internal import AmbitCore
internal import CLinux
internal import Glibc

// How code that blocks elsewhere learns that its scope has been cancelled.

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
    guard let attachments = attach(), let hook = make(CancelHook(function: function, argument: argument, next: nil))
    else { return .noMemory }
    if let last = attachments.pointee.lastHook {
      last.pointee.next = hook
    } else {
      attachments.pointee.firstHook = hook
    }
    attachments.pointee.lastHook = hook
    return .ok
  }

  /// Makes the scope's descriptor readable, for threads that wait for it; again has no effect.
  func signalCancel() {
    if let attachments = pointee.attachments { signal(attachments.pointee.cancelDescriptor) }
  }

  /// Tells all who asked that the scope is cancelled. A wait in a hook fails: it runs on no job's account.
  func tellOfCancel() {
    guard let attachments = pointee.attachments else { return }
    signal(attachments.pointee.cancelDescriptor)
    if attachments.pointee.firstHook != nil { pointee.loop.callHook(.onCancel, of: self, callCancelHooks, attachments) }
  }

  /// A descriptor that is readable from the cancel on, the same each time; a negative status if none is to be had.
  var cancelDescriptor: Int32 {
    guard let attachments = attach() else { return Status.noMemory.rawValue }
    if attachments.pointee.cancelDescriptor < 0 {
      let descriptor = clinux_eventfd(pointee.isOpen ? 0 : 1)
      guard descriptor >= 0 else { return (errno == ENOMEM ? Status.noMemory : .limit).rawValue }
      attachments.pointee.cancelDescriptor = descriptor
    }
    return attachments.pointee.cancelDescriptor
  }

  private func signal(_ descriptor: Int32) {
    guard descriptor >= 0 else { return }
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  func closeCancelDescriptor(of attachments: UnsafeMutablePointer<Attachments>) {
    guard attachments.pointee.cancelDescriptor >= 0 else { return }
    clinux_close(attachments.pointee.cancelDescriptor)
    attachments.pointee.cancelDescriptor = -1
  }
}

/// Calls all hooks, the first registered first, on the loop's own stack.
private let callCancelHooks: HookFunction = { record in
  let attachments = record!.assumingMemoryBound(to: Attachments.self)
  while let hook = attachments.pointee.firstHook {
    attachments.pointee.firstHook = hook.pointee.next
    hook.pointee.function(hook.pointee.argument)
  }
}
