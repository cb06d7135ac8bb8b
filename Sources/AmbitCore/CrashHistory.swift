/// The recent crashes of each plugin, over all workers: decides whether a plugin crashes so often that it is to be
/// quarantined. Times are nanoseconds of a monotonic clock.
public struct CrashHistory: Sendable {
  /// The times of the crashes of each plugin that may still count, the oldest first.
  private var crashes: [String: [Int64]] = [:]

  public init() {}

  /// A plugin is to blame for a crash.
  /// - Parameters:
  ///   - limit: `crash_limit`, at least 1.
  ///   - window: `crash_window`, in nanoseconds.
  /// - Returns: the crashes within the window if there are `limit` or more; else nil.
  public mutating func noteCrash(of plugin: String, at now: Int64, limit: Int, window: Int64) -> CrashLoop? {
    // Threads note deaths in any order, a moment apart.
    let recent = (crashes[plugin, default: []] + [now]).filter { now - $0 < window }.sorted()
    // The limit may be raised at a reload, and 10,000 crashes within a window are enough for any.
    crashes[plugin] = recent.suffix(10_000)
    guard recent.count >= limit else { return nil }
    return CrashLoop(count: recent.count, duration: recent.last! - recent.first!)
  }

  /// Forgets the crashes of a plugin: another version of it serves.
  public mutating func forget(_ plugin: String) { crashes[plugin] = nil }

  /// Has of one plugin the crashes of another history.
  public mutating func goBack(of plugin: String, to other: CrashHistory) { crashes[plugin] = other.crashes[plugin] }
}

/// Crashes of one plugin within a short time.
public struct CrashLoop: Sendable, Equatable, CustomStringConvertible {
  public let count: Int
  /// From the first to the last, in nanoseconds.
  public let duration: Int64

  public init(count: Int, duration: Int64) { (self.count, self.duration) = (count, duration) }

  /// "3 crashes in 4 s", "3 crashes in 120 ms", "1 crash".
  public var description: String {
    let crashes = "\(count) crash\(count == 1 ? "" : "es")"
    guard count > 1 else { return crashes }
    let milliseconds = duration / 1_000_000
    return milliseconds < 1000 ? "\(crashes) in \(milliseconds) ms" : "\(crashes) in \((milliseconds + 500) / 1000) s"
  }
}
