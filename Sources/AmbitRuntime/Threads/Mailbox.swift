internal import CLinux
internal import Glibc
internal import Synchronization

/// How other threads reach a loop: what they post runs on the loop, in order, in one of its next turns.
final class Mailbox: Sendable {
  typealias Work = @Sendable (LoopPointer) -> Void

  private let pending = Mutex<[Work]>([])
  /// Readable while something is pending: eventfd(2).
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = try SystemError.check("eventfd", eventfd(0, clinux_efd_flags))
  }

  deinit { close(descriptor) }

  /// From any thread; does not wait.
  func post(_ work: @escaping Work) {
    let isFirst = pending.withLock { pending in
      pending.append(work)
      return pending.count == 1
    }
    guard isFirst else { return }
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Runs what is pending, on the loop.
  func deliver(to loop: LoopPointer) {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    let work = pending.withLock { pending in
      let work = pending
      pending = []
      return work
    }
    for item in work { item(loop) }
  }
}
