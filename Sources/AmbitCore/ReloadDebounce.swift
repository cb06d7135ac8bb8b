/// How soon signals have their reload: the first at once, those that follow together, with at least `interval` between
/// the beginnings of two reloads. The last signal always has a reload that begins after it.
///
/// Times are nanoseconds of a monotonic clock.
public struct ReloadDebounce: Sendable {
  /// A quarter of a second: short for who waits for new code, long for a script that signals in a loop.
  public static let interval: Int64 = 250_000_000

  private var latestBegin: Int64?
  /// Whether a signal has come since the latest reload began.
  public private(set) var isRequested = false

  public init() {}

  /// A signal has come.
  public mutating func request() { isRequested = true }

  /// A reload begins, whoever wanted it; it is that of all signals so far.
  public mutating func begin(at now: Int64) {
    isRequested = false
    latestBegin = now
  }

  /// How long the reload that is wanted has to wait, 0 if it is due; nil if none is wanted.
  public func delay(at now: Int64) -> Int64? {
    guard isRequested else { return nil }
    guard let latestBegin else { return 0 }
    return max(latestBegin + Self.interval - now, 0)
  }
}
