internal import Glibc

/// The clocks the host reads.
public enum Clock {
  /// Nanoseconds that never go back, from an arbitrary start: CLOCK_MONOTONIC, clock_gettime(2).
  // Out of line: what has room on its stack for the answer is guarded against overflow at each call, also where it
  // hardly ever asks.
  @inline(never)
  public static var monotonic: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// Nanoseconds since 1970-01-01 UTC.
  public static var wall: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
