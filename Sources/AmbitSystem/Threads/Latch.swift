internal import Glibc

/// A count of arrivals that threads wait for: it opens once, when all that is expected has arrived, each with a value.
///
/// Arriving is for any thread and does not wait. Waiting is for threads that may block, never for an event loop.
@safe
public final class Latch<Value: Sendable>: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var values: [Value] = []
  private let expected: Int

  /// A latch that opens when `expected` values have arrived; at once if that is 0.
  public init(expected: Int = 1) {
    self.expected = expected
    unsafe pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(changed, &attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(lock)
    unsafe changed.deallocate()
    unsafe lock.deallocate()
  }

  /// Delivers a value; the last one expected opens the latch. From any thread; does not wait.
  /// - Returns: whether this value was the last one expected, which exactly one caller is told.
  @discardableResult
  public func arrive(_ value: Value) -> Bool {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    values.append(value)
    unsafe pthread_cond_broadcast(changed)
    return values.count == expected
  }

  /// The values that have arrived so far, in the order of arrival. From any thread.
  public var arrived: [Value] {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    return values
  }

  /// Whether all that is expected has arrived. From any thread.
  public var isOpen: Bool { arrived.count >= expected }

  /// Waits until the latch is open, at most `timeout` nanoseconds.
  /// - Returns: the values in the order of arrival; nil if the time is over before all have arrived.
  public func wait(timeout: Int64 = .max) -> [Value]? {
    let (time, overflow) = Clock.monotonic.addingReportingOverflow(max(timeout, 0))
    var limit = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    while values.count < expected {
      if overflow {
        unsafe pthread_cond_wait(changed, lock)
      } else if unsafe pthread_cond_timedwait(changed, lock, &limit) == ETIMEDOUT, values.count < expected {
        return nil
      }
    }
    return values
  }

  /// Waits as `wait(timeout:)` does, but gives up, too, as soon as `isCancelled` returns true. It is called every 50
  /// ms.
  public func wait(timeout: Int64 = .max, unless isCancelled: () -> Bool) -> [Value]? {
    let (end, overflow) = Clock.monotonic.addingReportingOverflow(max(timeout, 0))
    while true {
      let left = overflow ? .max : end - Clock.monotonic
      if let values = wait(timeout: min(left, 50_000_000)) { return values }
      if left <= 50_000_000 || isCancelled() { return nil }
    }
  }
}
