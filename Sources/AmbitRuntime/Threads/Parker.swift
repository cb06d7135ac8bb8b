internal import CLinux
internal import Synchronization

/// Where one thread waits until another wakes it.
///
/// A wake that comes before the wait is kept, once. Whoever made it destroys it, when nobody waits or wakes any more.
struct Parker: @unchecked Sendable {
  private enum State {
    static let empty: UInt32 = 0
    static let woken: UInt32 = 1
    static let asleep: UInt32 = 2
  }

  private let state: UnsafeMutablePointer<Atomic<UInt32>>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: Atomic(State.empty))
  }

  func destroy() {
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Waits until `unpark` has been called, since the last `park` returned; what the other thread did before is seen
  /// then. For `patience` nanoseconds the thread stays awake, for a wake that is due any moment: it does not cost the two
  /// their sleep and its end.
  func park(patience: Int64 = 0) {
    if patience > 0 { Spinning.wait(for: patience) { state.pointee.load(ordering: .relaxed) == State.woken } }
    while !take() {
      _ = state.pointee.compareExchange(expected: State.empty, desired: State.asleep, ordering: .relaxed)
      clinux_futex_wait(state, State.asleep, -1)
    }
  }

  /// The same for at most so many nanoseconds (negative: for ever); may return early.
  func park(atMost nanoseconds: Int64) {
    if take() { return }
    _ = state.pointee.compareExchange(expected: State.empty, desired: State.asleep, ordering: .relaxed)
    clinux_futex_wait(state, State.asleep, nanoseconds)
    // A wake that comes from here on is kept for the next wait.
    if take() { return }
    _ = state.pointee.compareExchange(expected: State.asleep, desired: State.empty, ordering: .relaxed)
  }

  /// Wakes the thread that waits, or that will. From any thread; does not wait.
  func unpark() {
    guard state.pointee.exchange(State.woken, ordering: .releasing) == State.asleep else { return }
    clinux_futex_wake(state)
  }

  private func take() -> Bool {
    state.pointee.compareExchange(expected: State.woken, desired: State.empty, ordering: .acquiring).exchanged
  }
}
