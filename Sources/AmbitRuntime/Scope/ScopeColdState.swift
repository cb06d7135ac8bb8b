internal import AmbitCore
internal import Synchronization

/// State that few scopes have. It lies in the scope's memory and is made when it is first needed.
struct ScopeColdState {
  /// Registered by `ambit_on_cancel`, in this order.
  var firstHook: UnsafeMutablePointer<CancelHook>?
  var lastHook: UnsafeMutablePointer<CancelHook>?
  /// An eventfd(2) that is readable once the scope is cancelled; -1 if nobody asked for it. Owned.
  var cancelDescriptor: Int32 = -1
  /// Values of `ambit_set`, in no order.
  var values: UnsafeMutablePointer<KeptValue>?
  /// The last function that was bound in the scope.
  var lastBinding: UnsafeMutablePointer<Binding>?
  /// The slot that references to the scope name, until the scope closes.
  var reference: Unmanaged<ReferenceSlot>?
  /// The deadline that the host set for a request; nil until a plugin sets another.
  var hostDeadline: Int64?
  /// In the scope of a generation: the event of `ambit_draining`; nil if nobody asked for it.
  var draining: EventPointer?
}

extension UnsafeMutablePointer<Scope> {
  /// The scope's cold state, which is made if it has none; nil if there is no memory.
  func ensureColdState() -> UnsafeMutablePointer<ScopeColdState>? {
    if let coldState = pointee.coldState { return coldState }
    guard let coldState = make(ScopeColdState()) else { return nil }
    pointee.coldState = coldState
    return coldState
  }

  /// A record in the scope's memory, which is never deinitialised; nil if there is no memory.
  func make<Record: BitwiseCopyable>(_ record: Record) -> UnsafeMutablePointer<Record>? {
    guard let memory = allocate(MemoryLayout<Record>.size) else { return nil }
    let pointer = memory.bindMemory(to: Record.self, capacity: 1)
    pointer.initialize(to: record)
    return pointer
  }

  /// The same for a record that the plugin asks for; `.limit` as in `allocateWithinLimit`.
  func makeWithinLimit<Record: BitwiseCopyable>(_ record: Record) -> (Status, UnsafeMutablePointer<Record>?) {
    let (status, memory) = allocateWithinLimit(MemoryLayout<Record>.size)
    let pointer = memory?.bindMemory(to: Record.self, capacity: 1)
    pointer?.initialize(to: record)
    return (status, pointer)
  }

  /// Releases what the cold state owns outside the scope's memory. The scope is closed.
  func releaseColdState() {
    guard let coldState = pointee.coldState else { return }
    pointee.coldState = nil
    closeCancelDescriptor(of: coldState)
    releaseBindings(of: coldState)
    if let reference = coldState.pointee.reference { forget(reference) }
  }
}

// Values that plugins keep in scopes, found by the address of their key.

/// A value of a scope, in the scope's memory.
struct KeptValue: BitwiseCopyable {
  let key: UnsafeRawPointer
  /// nil once the key has been removed.
  var value: UnsafeMutableRawPointer?
  let next: UnsafeMutablePointer<KeptValue>?
}

extension UnsafeMutablePointer<Scope> {
  /// Sets the value of `key`, or removes it if `value` is nil. The shards of a generation's scope share their values.
  func setValue(_ value: UnsafeMutableRawPointer?, for key: UnsafeRawPointer) -> Status {
    if pointee.kind == .plugin, let generation = pointee.generation {
      generation.pointee.values.set(value, for: key)
      return .ok
    }
    if let kept = keptValue(of: key) {
      kept.pointee.value = value
      return .ok
    }
    if value == nil { return .ok }
    guard let coldState = ensureColdState() else { return .noMemory }
    let (status, kept) = makeWithinLimit(KeptValue(key: key, value: value, next: coldState.pointee.values))
    if let kept { coldState.pointee.values = kept }
    return status
  }

  /// The value of `key` in the scope, or in the nearest scope above that has one; nil if no scope has one.
  func value(for key: UnsafeRawPointer) -> UnsafeMutableRawPointer? {
    var next: ScopePointer? = self
    while let scope = next {
      if let value = scope.keptValue(of: key)?.pointee.value { return value }
      if scope.pointee.kind == .plugin { return scope.pointee.generation?.pointee.values.value(for: key) }
      next = scope.pointee.parent
    }
    return nil
  }

  private func keptValue(of key: UnsafeRawPointer) -> UnsafeMutablePointer<KeptValue>? {
    var next = pointee.coldState?.pointee.values
    while let kept = next, kept.pointee.key != key { next = kept.pointee.next }
    return next
  }
}

/// The values of a generation's scope, which all loops read without a lock.
///
/// Setting a value takes a lock. The record of a key stays in memory as long as the generation, even without a value.
public final class SharedValues: @unchecked Sendable {
  private struct Record: ~Copyable {
    let key: UnsafeRawPointer
    let value: Atomic<UnsafeMutableRawPointer?>
    let next: UnsafeMutablePointer<Record>?
  }

  private let first = Atomic<UnsafeMutablePointer<Record>?>(nil)
  private let setting = Mutex<Void>(())

  public init() {}

  deinit {
    var next = first.load(ordering: .relaxed)
    while let record = next {
      next = record.pointee.next
      record.deinitialize(count: 1)
      record.deallocate()
    }
  }

  /// The value of `key`; nil if there is none. From any thread.
  func value(for key: UnsafeRawPointer) -> UnsafeMutableRawPointer? {
    record(of: key)?.pointee.value.load(ordering: .acquiring)
  }

  /// Sets the value of `key`, or removes it if `value` is nil. From any thread.
  func set(_ value: UnsafeMutableRawPointer?, for key: UnsafeRawPointer) {
    setting.withLock { _ in
      if let record = record(of: key) { return record.pointee.value.store(value, ordering: .releasing) }
      let record = UnsafeMutablePointer<Record>.allocate(capacity: 1)
      record.initialize(to: Record(key: key, value: Atomic(value), next: first.load(ordering: .relaxed)))
      first.store(record, ordering: .releasing)
    }
  }

  private func record(of key: UnsafeRawPointer) -> UnsafeMutablePointer<Record>? {
    var next = first.load(ordering: .acquiring)
    while let record = next, record.pointee.key != key { next = record.pointee.next }
    return next
  }
}
