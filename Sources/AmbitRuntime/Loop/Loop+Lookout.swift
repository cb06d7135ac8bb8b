internal import AmbitSystem
internal import CLinux

// How a loop waits for what threads bring that work for it.

extension UnsafeMutablePointer<Loop> {
  /// For so long a loop stays awake, in nanoseconds, from when it has nothing to do: longer than it takes to wake a
  /// thread on a core that rests.
  private static var vigil: Int64 { 50_000 }
  /// Between two looks at what the kernel has, in nanoseconds.
  private static var interval: Int64 { 2_000 }

  /// A thread is about to get something to do for the loop, and may be back soon.
  @inline(__always)
  func expectThread() {
    guard pointee.lookout.expect(), !pointee.lookout.isWatching else { return }
    pointee.lookout.isWatching = true
    pointee.mailbox._withUnsafeGuaranteedRef { $0.watch() }
  }

  /// Runs what was posted, for which nobody rings; `isAwaited` says that the loop has nothing else to do.
  @inline(never)
  func collectMail(isAwaited: Bool) {
    pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      if mailbox.hasMail { mailbox.deliver(to: self, isAwaited: isAwaited) }
    }
  }

  /// Waits for events and for mail, at most for `patience` nanoseconds (negative: for ever), awake at first if a thread is
  /// expected; returns how many events there are. For a loop that is watching.
  @inline(never)
  func awaitEventsAndMail(
    _ events: UnsafeMutablePointer<epoll_event>, capacity: Int32, patience: Int64
  ) -> Int32 {
    pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      if pointee.lookout.isExpecting, patience != 0, Spinning.isWorthwhile {
        let duration = patience < 0 ? Self.vigil : min(patience, Self.vigil)
        let count = stayAwake(for: duration, mailbox, events, capacity)
        if count > 0 || mailbox.hasMail { return count }
        pointee.lookout.fail()
      } else {
        mailbox.endVigil()
      }
      guard patience != 0, mailbox.armBell() else { return clinux_epoll_wait(pointee.epoll, events, capacity, 0) }
      pointee.lookout.isWatching = false
      pointee.lookout.forget()
      return clinux_epoll_wait(pointee.epoll, events, capacity, patience)
    }
  }

  /// Looks for events and for mail for so many nanoseconds; returns how many events there are.
  private func stayAwake(
    for duration: Int64, _ mailbox: Mailbox, _ events: UnsafeMutablePointer<epoll_event>, _ capacity: Int32
  ) -> Int32 {
    mailbox.beginVigil()
    defer { mailbox.endVigil() }
    let end = Clock.monotonic &+ duration
    repeat {
      let count = clinux_epoll_wait(pointee.epoll, events, capacity, 0)
      if count != 0 { return count }
      Spinning.wait(for: Self.interval) { mailbox.hasMail }
    } while !mailbox.hasMail && Clock.monotonic < end
    return 0
  }
}
