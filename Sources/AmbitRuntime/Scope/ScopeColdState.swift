internal import AmbitCore
internal import Synchronization

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

// Values that plugins keep in scopes, found by the address of their key.

/// A value kept in a scope, in its memory.
struct KeptValue: BitwiseCopyable {
  let key: UnsafeRawPointer
  /// nil once the key has been removed.
  var value: UnsafeMutableRawPointer?
  let next: UnsafeMutablePointer<KeptValue>?
}

extension UnsafeMutablePointer<Scope> {
  /// Keeps `value` under `key`, instead of what was there; nil removes the key. A plugin's scope has shards on all
  /// loops, and what is kept in one is kept in all.
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
    guard let attachments = attach(),
      let kept = make(KeptValue(key: key, value: value, next: attachments.pointee.values))
    else { return .noMemory }
    attachments.pointee.values = kept
    return .ok
  }

  /// The value under `key` in the scope, or in the nearest above that has one; nil if none has.
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
    var next = pointee.attachments?.pointee.values
    while let kept = next, kept.pointee.key != key { next = kept.pointee.next }
    return next
  }
}

/// Values by key that all loops read without a lock: what a plugin keeps in its own scope.
///
/// Setting takes a lock. Keys are never forgotten, only their values: what was set once stays in memory, as the
/// generation that holds it does.
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

  /// The value under `key`; nil if there is none. From any thread.
  func value(for key: UnsafeRawPointer) -> UnsafeMutableRawPointer? {
    record(of: key)?.pointee.value.load(ordering: .acquiring)
  }

  /// Keeps `value` under `key`; nil removes it. From any thread.
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
