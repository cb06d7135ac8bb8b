internal import AmbitCore
internal import CAmbit
internal import Synchronization

/// The process's references to scopes: weak, copied freely, and safe from any thread for ever.
///
/// A reference is the number of a slot and the generation that its scope has there. Only scopes that are referred to
/// have a slot, so no other pays for it.
public enum References {
  private struct Table {
    var slots: [ReferenceSlot] = []
    var free: [ReferenceSlot] = []
  }

  private static let table = Mutex(Table())

  /// A slot that serves no scope; nil if there are as many as can be numbered.
  fileprivate static func take() -> ReferenceSlot? {
    table.withLock { table in
      if let slot = table.free.popLast() { return slot }
      guard table.slots.count < Int(UInt32.max) else { return nil }
      let slot = ReferenceSlot(index: UInt32(table.slots.count))
      table.slots.append(slot)
      return slot
    }
  }

  fileprivate static func giveBack(_ slot: ReferenceSlot) {
    table.withLock { $0.free.append(slot) }
  }

  /// How many scopes are referred to that have not closed. From any thread.
  public static var count: Int { table.withLock { $0.slots.count - $0.free.count } }

  /// The slot of a reference and the generation it names; nil if there is no such slot.
  private static func slot(of id: UInt64) -> (slot: ReferenceSlot, generation: UInt32)? {
    let index = Int(truncatingIfNeeded: id & 0xFFFF_FFFF)
    let slot = table.withLock { index < $0.slots.count ? $0.slots[index] : nil }
    return slot.map { ($0, UInt32(id >> 32)) }
  }

  /// The cause of the scope behind a reference; `done` once it is gone. From any thread.
  static func cause(_ id: UInt64) -> Cause {
    slot(of: id).map { $0.slot.cause(generation: $0.generation) } ?? .done
  }

  /// The same, as the calling job has to know it: on the loop of the scope that job keeps the loop from turning.
  static func causeForCaller(_ id: UInt64) -> Cause {
    guard let (slot, generation) = slot(of: id) else { return .done }
    let cause = slot.cause(generation: generation)
    guard cause == .none, let loop = LoopPointer.ofThisThread, loop.pointee.current != nil,
      let scope = slot.openScope(generation: generation), scope.pointee.loop == loop
    else { return cause }
    return scope.causeForCaller()
  }

  /// Starts a job in the scope behind a reference, in one step with finding it open. From any thread; does not wait.
  static func post(_ function: @escaping ambit_job_fn, argument: UnsafeMutableRawPointer?, to id: UInt64) -> Status {
    slot(of: id).map { $0.slot.post(function, argument: argument, generation: $0.generation) } ?? .closed
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The number that references to the scope carry; 0, which leads nowhere, if there is no memory.
  func reference() -> UInt64 {
    guard let attachments = attach() else { return 0 }
    if let reference = attachments.pointee.reference { return reference._withUnsafeGuaranteedRef { $0.id } }
    guard let slot = References.take() else { return 0 }
    slot.begin(self)
    attachments.pointee.reference = .passUnretained(slot)
    if pointee.state == .open, let request = pointee.requestScope { request.pointee.referenceCount += 1 }
    return slot.id
  }

  /// Tells those who hold references that the scope is cancelled. Its cause is latched.
  func endReference() {
    guard let reference = pointee.attachments?.pointee.reference else { return }
    let cause = pointee.cause
    reference._withUnsafeGuaranteedRef { $0.end(cause) }
    guard let request = pointee.requestScope else { return }
    request.pointee.referenceCount -= 1
    wakeIdleWaiter()
  }

  /// Spawns what was posted and has not arrived yet.
  func deliverPosted() {
    pointee.attachments?.pointee.reference?._withUnsafeGuaranteedRef { $0.deliver() }
  }

  /// Lets go of the slot: the scope is closed.
  func forget(_ reference: Unmanaged<ReferenceSlot>) {
    let slot = reference.takeUnretainedValue()
    if slot.close() { References.giveBack(slot) }
  }
}
