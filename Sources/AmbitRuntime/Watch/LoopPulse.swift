internal import Synchronization

/// What a loop lets other threads see of its turns: written by the loop alone, with plain stores, and read by the watchdog.
public struct LoopPulse: ~Copyable {
  /// When the present turn began (monotonic, nanoseconds); 0 while the loop sleeps, or does not run.
  let turnBegan = Atomic<Int64>(0)
  /// The loop's thread, by the number that the system gave it; 0 before it runs.
  let thread = Atomic<Int32>(0)
}

typealias LoopPulsePointer = UnsafeMutablePointer<LoopPulse>

extension UnsafeMutablePointer<LoopPulse> {
  /// A pulse of a loop that does not run yet. Never released: a watchdog may look as long as it likes.
  static func make() -> LoopPulsePointer {
    let pulse = LoopPulsePointer.allocate(capacity: 1)
    pulse.initialize(to: LoopPulse())
    return pulse
  }

  @inline(__always)
  func fallAsleep() { pointee.turnBegan.store(0, ordering: .relaxed) }

  @inline(__always)
  func beginTurn(at now: Int64) { pointee.turnBegan.store(now, ordering: .relaxed) }
}
