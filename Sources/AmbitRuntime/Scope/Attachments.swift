/// What few scopes have, made when the first of it is asked for, in the scope's memory.
struct Attachments {
  /// Registered by `ambit_on_cancel`, in this order.
  var firstHook: UnsafeMutablePointer<CancelHook>?
  var lastHook: UnsafeMutablePointer<CancelHook>?
  /// Readable once the scope is cancelled: eventfd(2); -1 if nobody asked for it. Owned.
  var cancelDescriptor: Int32 = -1
  /// Kept by `ambit_set`, in no order.
  var values: UnsafeMutablePointer<KeptValue>?
  /// The last function that was bound in the scope.
  var lastBinding: UnsafeMutablePointer<Binding>?
  /// Where references to the scope lead, until it closes.
  var reference: Unmanaged<ReferenceSlot>?
  /// A request's deadline as the host set it, once a plugin has moved it.
  var hostDeadline: Int64?
}

extension UnsafeMutablePointer<Scope> {
  /// The scope's attachments, made if it has none; nil if there is no memory.
  func attach() -> UnsafeMutablePointer<Attachments>? {
    if let attachments = pointee.attachments { return attachments }
    guard let attachments = make(Attachments()) else { return nil }
    pointee.attachments = attachments
    return attachments
  }

  /// A record in the scope's memory, which nothing deinitialises; nil if there is no memory.
  func make<Record: BitwiseCopyable>(_ record: Record) -> UnsafeMutablePointer<Record>? {
    guard let memory = allocate(MemoryLayout<Record>.size) else { return nil }
    let pointer = memory.bindMemory(to: Record.self, capacity: 1)
    pointer.initialize(to: record)
    return pointer
  }

  /// Gives back what the attachments own that is not the scope's memory. The scope is closed.
  func detach() {
    guard let attachments = pointee.attachments else { return }
    pointee.attachments = nil
    closeCancelDescriptor(of: attachments)
    releaseBindings(of: attachments)
    if let reference = attachments.pointee.reference { forget(reference) }
  }
}
