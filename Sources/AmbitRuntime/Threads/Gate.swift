internal import Glibc

/// Something one thread waits for and others bring about, once: a countdown with a value.
///
/// For threads that may block. A loop never waits on one.
public final class Gate<Value: Sendable>: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var values: [Value] = []
  private let expected: Int

  /// A gate that opens when `expected` values have arrived.
  public init(expected: Int = 1) {
    self.expected = expected
    pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  /// Delivers a value; the last one expected opens the gate. From any thread; does not wait.
  public func arrive(_ value: Value) {
    pthread_mutex_lock(lock)
    values.append(value)
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
  }

  /// What has arrived so far.
  public var arrived: [Value] {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return values
  }

  /// Whether all that is expected has arrived.
  public var isOpen: Bool { arrived.count >= expected }

  /// Waits until the gate is open and returns what arrived, in the order of arrival; nil if that takes longer than
  /// `timeout` nanoseconds.
  public func wait(timeout: Int64 = .max) -> [Value]? {
    let (time, overflow) = Clock.monotonic.addingReportingOverflow(max(timeout, 0))
    var limit = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while values.count < expected {
      if overflow {
        pthread_cond_wait(changed, lock)
      } else if pthread_cond_timedwait(changed, lock, &limit) == ETIMEDOUT, values.count < expected {
        return nil
      }
    }
    return values
  }

  /// The same, but nil, too, as soon as `isOff` says that nobody is to wait any more. It is asked twenty times a second.
  public func wait(timeout: Int64 = .max, unless isOff: () -> Bool) -> [Value]? {
    let (end, overflow) = Clock.monotonic.addingReportingOverflow(max(timeout, 0))
    while true {
      let left = overflow ? .max : end - Clock.monotonic
      if let values = wait(timeout: min(left, 50_000_000)) { return values }
      if left <= 50_000_000 || isOff() { return nil }
    }
  }
}
