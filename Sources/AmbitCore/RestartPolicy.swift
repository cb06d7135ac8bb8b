/// Decides how long the supervisor waits before it replaces a worker that has crashed: not at all after the first
/// crash, then 50 ms, and twice as long after each further crash, up to 5 s. So a worker that crashes whenever it starts
/// does not keep the machine busy. The delays begin anew after a worker that has served for a while.
///
/// One value for each worker; it outlives the worker's processes. Times are nanoseconds of a monotonic clock.
public struct RestartPolicy: Sendable {
  /// The longest delay: 5 s.
  public static let longestDelay: Int64 = 5_000_000_000
  /// The delay after the second of several crashes, before the jitter.
  private static let firstDelay: Int64 = 50_000_000
  /// How much a delay is shortened or lengthened at random, so that workers which crash together do not start together.
  private static let jitter = 0.2

  /// All crashes so far.
  public private(set) var crashes = 0
  /// The crashes since a worker has last served for the window.
  public private(set) var recentCrashes = 0
  /// When the present process began to serve; nil while none serves.
  private var servingSince: Int64?

  public init() {}

  /// A process of the worker has begun to accept connections: one after a crash, or one that takes the place of
  /// another. Call it once for each process.
  /// - Parameter window: `crash_window`, in nanoseconds.
  public mutating func serves(at now: Int64, window: Int64) {
    forgiveCrashes(at: now, window)
    servingSince = now
  }

  /// The worker has crashed, and the next one is to start.
  /// - Parameters:
  ///   - window: `crash_window`, in nanoseconds.
  ///   - generator: for the jitter.
  /// - Returns: how long to wait before the start, in nanoseconds from `now`: 0 to `longestDelay`.
  public mutating func crashed(
    at now: Int64, window: Int64, using generator: inout some RandomNumberGenerator
  ) -> Int64 {
    forgiveCrashes(at: now, window)
    servingSince = nil
    crashes += 1
    recentCrashes += 1
    return Self.delay(afterCrashes: recentCrashes, using: &generator)
  }

  /// The worker has crashed, and the next one does not run what was to blame: it starts at once, and the delays begin
  /// anew.
  public mutating func crashedForGood() {
    (servingSince, recentCrashes) = (nil, 0)
    crashes += 1
  }

  /// The worker has ended for a reason that will not end the next one, which starts at once.
  /// - Parameter window: as for `crashed`.
  public mutating func ended(at now: Int64, window: Int64) {
    forgiveCrashes(at: now, window)
    servingSince = nil
  }

  /// Forgets earlier crashes if the present process has served for the window.
  private mutating func forgiveCrashes(at now: Int64, _ window: Int64) {
    if let servingSince, now - servingSince >= window { recentCrashes = 0 }
  }

  private static func delay(afterCrashes count: Int, using generator: inout some RandomNumberGenerator) -> Int64 {
    guard count > 1 else { return 0 }
    let mostDoublings = 10
    let doubled = Double(firstDelay << min(count - 2, mostDoublings))
    let longest = Double(longestDelay) / (1 + jitter)
    return Int64(min(doubled, longest) * Double.random(in: (1 - jitter)...(1 + jitter), using: &generator))
  }
}
