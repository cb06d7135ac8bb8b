internal import Glibc

/// The clocks that the host reads. From any thread.
public enum Clock {
  /// Nanoseconds that never go back, from an arbitrary start: CLOCK_MONOTONIC, clock_gettime(2).
  // Not inlined: a function with room for a timespec on its stack gets a check for stack overflow, in each call, even
  // if it rarely reads the clock.
  @inline(never)
  public static var monotonic: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// Nanoseconds since 1970-01-01 UTC.
  public static var wall: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// Times as RFC 3339 writes them, in UTC with milliseconds.
public enum Timestamp {
  static var now: String { text(of: Clock.wall) }

  /// The text of a time in nanoseconds since 1970-01-01 UTC.
  public static func text(of nanoseconds: Int64) -> String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    let date = unsafe "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
    let time = unsafe "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
    return "\(date)T\(time).\(digits(Int32(nanoseconds / 1_000_000 % 1000), 3))Z"
  }

  private static func digits(_ number: Int32, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}

/// Blocks the calling thread for `duration`. For threads that may block, such as the control thread, never for an event
/// loop.
package func pauseThread(_ duration: Duration) {
  let (seconds, attoseconds) = duration.components
  var wanted = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
  var left = timespec()
  while unsafe nanosleep(&wanted, &left) == -1, errno == EINTR { wanted = left }
}
