internal import CLinux

/// Waiting awake for what another thread does any moment.
///
/// To sleep and to be woken costs two threads some microseconds each, and more on a virtual machine, where a core that
/// rests has to be called by its host.
enum Spinning {
  /// Whether another thread can do anything while this one stays awake: the process may use more than one core. As of the
  /// first look.
  static let isWorthwhile = clinux_core_count() > 1

  /// Looks for `duration` nanoseconds whether `condition` holds, which takes some nanoseconds; returns as soon as it does,
  /// and at once where this is not worthwhile.
  @inline(__always)
  static func wait(for duration: Int64, until condition: () -> Bool) {
    guard isWorthwhile else { return }
    let end = Clock.monotonic &+ duration
    repeat {
      for _ in 0..<looks {
        if condition() { return }
        clinux_spin_hint()
      }
    } while Clock.monotonic < end
  }

  /// Between two looks at the clock.
  private static var looks: Int { 16 }
}
