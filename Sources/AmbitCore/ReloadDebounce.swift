/// Debounces reload signals: the first signal leads to a reload at once, further signals within `interval` lead to one
/// more reload together. Two reloads begin at least `interval` apart, and a reload begins after the last signal.
///
/// Times are nanoseconds of a monotonic clock.
public struct ReloadDebounce: Sendable {
  /// 250 ms: short for a person who waits for new code, long for a script that signals in a loop.
  public static let interval: Int64 = 250_000_000

  private var latestBegin: Int64?
  /// Whether a signal has arrived since the latest reload began.
  public private(set) var isRequested = false

  public init() {}

  /// Records that a signal has arrived.
  public mutating func request() { isRequested = true }

  /// A reload begins at `now`, whoever asked for it. It serves all signals so far.
  public mutating func begin(at now: Int64) {
    isRequested = false
    latestBegin = now
  }

  /// How long the requested reload has to wait; 0 if it is due, nil if no reload is requested.
  public func delay(at now: Int64) -> Int64? {
    guard isRequested else { return nil }
    guard let latestBegin else { return 0 }
    return max(latestBegin + Self.interval - now, 0)
  }
}
