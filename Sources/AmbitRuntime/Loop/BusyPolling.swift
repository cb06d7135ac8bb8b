internal import AmbitSystem
internal import CLinux

/// Decides whether an idle loop polls for a while before it sleeps: a thread works for it that may be done sooner than
/// the kernel could put the loop to sleep and wake it again.
///
/// Adaptive: only loops that hand out work poll, and each poll in vain makes the next one rarer.
struct BusyPolling {
  /// After n polls in vain in a row the loop uses one chance in 2^n; n stops here.
  private static var mostDoublings: UInt32 { 6 }

  /// The loop looks for mail before it sleeps, so that nobody has to wake it.
  var isPolling = false
  /// How many threads may be done soon.
  private var expected = 0
  /// How many polls in a row were in vain.
  private var failures: UInt32 = 0
  /// How many chances the loop lets pass before it polls again.
  private var skips: UInt32 = 0

  /// Whether a thread is expected, so that polling is worthwhile.
  var isExpecting: Bool { expected > 0 }

  /// A thread is about to get work of the loop; true if the loop is to poll for its result.
  @inline(__always)
  mutating func expect() -> Bool {
    guard skips == 0 else {
      skips -= 1
      return false
    }
    expected += 1
    return true
  }

  /// A thread is done, in time.
  @inline(__always)
  mutating func succeed() {
    guard expected > 0 else { return }
    expected -= 1
    failures = 0
  }

  /// A thread that was expected has got no work.
  mutating func withdraw() { expected = max(expected - 1, 0) }

  /// No thread was done while the loop polled.
  mutating func fail() {
    forget()
    failures = min(failures + 1, Self.mostDoublings)
    skips = 1 << failures - 1
  }

  /// The loop expects no thread any more.
  mutating func forget() { expected = 0 }
}

// How a loop polls for the results of threads.

extension UnsafeMutablePointer<Loop> {
  /// How long an idle loop polls, in nanoseconds: longer than it takes to wake a thread on a core that is idle.
  private static var pollingTime: Int64 { 50_000 }
  /// Nanoseconds between two looks at the kernel's events.
  private static var eventInterval: Int64 { 2_000 }

  /// A thread is about to get work of the loop, and may be done soon.
  @inline(__always)
  func expectThread() {
    guard pointee.busyPolling.expect(), !pointee.busyPolling.isPolling else { return }
    pointee.busyPolling.isPolling = true
    pointee.mailbox._withUnsafeGuaranteedRef { $0.beginPolling() }
  }

  /// Runs what was posted without a wake-up; `isIdle` says that the loop has nothing else to do.
  @inline(never)
  func collectMail(isIdle: Bool) {
    pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      if mailbox.hasMail { mailbox.deliver(to: self, isIdle: isIdle) }
    }
  }

  /// Waits for events and for mail, at most for `timeout` nanoseconds (negative: for ever); polls first if a thread is
  /// expected. Returns the number of events. For a loop that is polling.
  @inline(never)
  func awaitEventsAndMail(
    _ events: UnsafeMutablePointer<epoll_event>, capacity: Int32, timeout: Int64
  ) -> Int32 {
    pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      if pointee.busyPolling.isExpecting, timeout != 0, Spinning.isWorthwhile {
        let duration = timeout < 0 ? Self.pollingTime : min(timeout, Self.pollingTime)
        let count = spin(for: duration, mailbox, events, capacity)
        if count > 0 || mailbox.hasMail { return count }
        pointee.busyPolling.fail()
      } else {
        mailbox.endSpinning()
      }
      guard timeout != 0, mailbox.endPolling() else { return clinux_epoll_wait(pointee.epoll, events, capacity, 0) }
      pointee.busyPolling.isPolling = false
      pointee.busyPolling.forget()
      return clinux_epoll_wait(pointee.epoll, events, capacity, timeout)
    }
  }

  /// Looks for events and for mail for `duration` nanoseconds; returns the number of events.
  private func spin(
    for duration: Int64, _ mailbox: Mailbox, _ events: UnsafeMutablePointer<epoll_event>, _ capacity: Int32
  ) -> Int32 {
    mailbox.beginSpinning()
    defer { mailbox.endSpinning() }
    let end = Clock.monotonic &+ duration
    repeat {
      let count = clinux_epoll_wait(pointee.epoll, events, capacity, 0)
      if count != 0 { return count }
      Spinning.wait(for: Self.eventInterval) { mailbox.hasMail }
    } while !mailbox.hasMail && Clock.monotonic < end
    return 0
  }
}
