internal import Glibc

/// What one thread waits for and others ring. Rings that come before the wait are kept, as one.
///
/// It needs no descriptor, which a plugin could close. Whoever made it destroys it, when nobody waits or rings any more.
struct Bell: Sendable {
  private let parker = Parker()

  func destroy() { parker.destroy() }

  /// Wakes the thread that waits, or that will. From any thread; does not wait.
  func ring() { parker.unpark() }

  /// Waits until somebody rings, or has since the last wait, at most for so many nanoseconds; negative: for ever. May
  /// return early.
  func wait(atMost nanoseconds: Int64) { parker.park(atMost: nanoseconds) }
}
