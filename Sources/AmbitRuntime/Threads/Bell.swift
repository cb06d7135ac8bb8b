internal import CLinux
internal import Glibc

/// What one thread waits for and others ring: eventfd(2). Rings that come before the wait are kept, as one.
///
/// Whoever made it destroys it, when nobody waits or rings any more.
struct Bell: Sendable {
  private let descriptor: Int32

  init() throws(SystemError) {
    descriptor = try SystemError.check("eventfd", clinux_own(eventfd(0, clinux_efd_flags)))
  }

  func destroy() { clinux_close(descriptor) }

  /// Wakes the thread that waits, or that will. From any thread; does not wait.
  func ring() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Waits until somebody rings, or has since the last wait, at most for so many milliseconds; negative: for ever. May
  /// return early.
  func wait(milliseconds: Int32) {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return }
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
  }
}
