/// Limits how often a condition is logged that may recur for hours and would fill the log: one line per interval.
///
/// A value for one thread, or guarded by its owner's lock.
public struct LogRateLimit: Sendable {
  /// Nanoseconds between two lines.
  public static var interval: Int64 { 10_000_000_000 }
  /// The end of a line that is limited: tells the operator that silence does not mean that the condition is over.
  public static var note: String { "logged at most every \(interval / 1_000_000_000) s" }

  /// Monotonic nanoseconds.
  private var nextDue = Int64.min

  public init() {}

  /// Whether a line may be logged now; if so, the next one may be after the interval.
  /// - Parameter now: monotonic nanoseconds, as `Clock.monotonic` gives them.
  public mutating func permits(at now: Int64) -> Bool {
    guard now >= nextDue else { return false }
    nextDue = now + Self.interval
    return true
  }
}
