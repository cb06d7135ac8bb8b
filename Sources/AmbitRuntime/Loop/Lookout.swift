/// Whether a loop that has nothing else to do stays awake for a while: a thread works for it that may be back before the
/// loop would be asleep, and then the two need no help of the kernel.
///
/// Only loops that hand out work look out, and how often they do so in vain bounds how often they try.
struct Lookout {
  /// After so many times in vain, in a row, a loop takes one chance in twice as many as before, and not fewer.
  private static var mostDoublings: UInt32 { 6 }

  /// The loop looks for mail before it sleeps, and nobody rings for it.
  var isWatching = false
  /// How many threads may be back soon.
  private var expected = 0
  /// How often, in a row, the loop has stayed awake in vain.
  private var failures: UInt32 = 0
  /// How many chances it lets pass before it takes the next.
  private var skips: UInt32 = 0

  /// Whether it is worthwhile to stay awake.
  var isExpecting: Bool { expected > 0 }

  /// A thread is about to get something to do for the loop; true if it is to be looked out for.
  @inline(__always)
  mutating func expect() -> Bool {
    guard skips == 0 else {
      skips -= 1
      return false
    }
    expected += 1
    return true
  }

  /// A thread is back, in time.
  @inline(__always)
  mutating func succeed() {
    guard expected > 0 else { return }
    expected -= 1
    failures = 0
  }

  /// A thread that was expected has got nothing to do.
  mutating func withdraw() { expected = max(expected - 1, 0) }

  /// None came back while the loop stayed awake.
  mutating func fail() {
    forget()
    failures = min(failures + 1, Self.mostDoublings)
    skips = 1 << failures - 1
  }

  /// The loop does not look out any more.
  mutating func forget() { expected = 0 }
}
