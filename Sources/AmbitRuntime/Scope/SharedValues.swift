internal import Synchronization

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
