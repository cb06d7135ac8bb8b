internal import CLinux
internal import Synchronization

/// Where one thread waits until another notifies it. A notification that comes before the wait is kept; several count
/// as one.
///
/// It is built on futex(2) and needs no descriptor, which code of a plugin could close. The owner calls `destroy` when
/// no thread waits or notifies any more.
@safe
public struct Wakeup: @unchecked Sendable {
  private enum State {
    static let empty: UInt32 = 0
    static let notified: UInt32 = 1
    static let asleep: UInt32 = 2
  }

  private let state: UnsafeMutablePointer<Atomic<UInt32>>

  public init() {
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: Atomic(State.empty))
  }

  public func destroy() {
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  /// Waits until `notify` has been called since the last `wait` returned. What the other thread wrote before it
  /// notified is visible then.
  /// - Parameter spinTime: so many nanoseconds the thread spins before it sleeps. Where the notification is due any
  ///   moment, that saves both threads the cost of a sleep and a wake-up.
  public func wait(spinningFor spinTime: Int64 = 0) {
    if spinTime > 0 { Spinning.wait(for: spinTime) { unsafe state.pointee.load(ordering: .relaxed) == State.notified } }
    while !take() {
      _ = unsafe state.pointee.compareExchange(expected: State.empty, desired: State.asleep, ordering: .relaxed)
      unsafe clinux_futex_wait(state, State.asleep, -1)
    }
  }

  /// Waits at most so many nanoseconds; negative: without a limit. May return early.
  public func wait(atMost nanoseconds: Int64) {
    if take() { return }
    _ = unsafe state.pointee.compareExchange(expected: State.empty, desired: State.asleep, ordering: .relaxed)
    unsafe clinux_futex_wait(state, State.asleep, nanoseconds)
    // A notification that comes from here on is kept for the next wait.
    if take() { return }
    _ = unsafe state.pointee.compareExchange(expected: State.asleep, desired: State.empty, ordering: .relaxed)
  }

  /// Wakes the thread that waits, or the next that will. From any thread; does not wait.
  public func notify() {
    guard unsafe state.pointee.exchange(State.notified, ordering: .releasing) == State.asleep else { return }
    unsafe clinux_futex_wake(state)
  }

  private func take() -> Bool {
    unsafe state.pointee.compareExchange(expected: State.notified, desired: State.empty, ordering: .acquiring).exchanged
  }
}

/// Waiting without sleeping, for something that another thread does any moment.
///
/// A sleep and a wake-up cost two threads some microseconds each, and more on a virtual machine, where the hypervisor
/// has to schedule an idle core again.
public enum Spinning {
  /// Whether another thread can make progress while this one spins: the process may use more than one core, and no
  /// quota of CPU time is spent on it that amounts to one. Read once.
  public static let isWorthwhile = UsableCPUs.current.count > 1

  /// Spins for `duration` nanoseconds, or until `condition`, which should take some nanoseconds, returns true. Returns
  /// at once if spinning is not worthwhile.
  @inline(__always)
  public static func wait(for duration: Int64, until condition: () -> Bool) {
    guard isWorthwhile else { return }
    let end = Clock.monotonic &+ duration
    repeat {
      for _ in 0..<checksPerClockRead {
        if condition() { return }
        clinux_spin_hint()
      }
    } while Clock.monotonic < end
  }

  private static var checksPerClockRead: Int { 16 }
}
