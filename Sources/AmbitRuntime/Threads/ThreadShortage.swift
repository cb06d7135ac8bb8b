internal import AmbitSystem
internal import Logging

/// That the system gives a pool no more threads: worth a line in the log, and not one for each time, since it may go on
/// for hours.
struct ThreadShortage {
  private static let logger = Logger(label: "ambit")
  /// Nanoseconds between two lines.
  private static var interval: Int64 { 10_000_000_000 }

  /// Why there was none, and how many threads the pool had; nil if that was told, or needs not be.
  private var untold: (error: SystemError, threads: Int)?
  /// From when on it is told again: monotonic nanoseconds.
  private var due = Int64.min

  /// A pool of so many threads did not get another.
  mutating func note(_ error: SystemError, threads: Int) {
    let now = Clock.monotonic
    guard now >= due else { return }
    due = now + Self.interval
    untold = (error, threads)
  }

  /// What is to be told, for the caller to do when it has let go of its lock: the log may be slow.
  mutating func takeNews() -> (() -> Void)? {
    guard let (error, threads) = untold else { return nil }
    untold = nil
    let consequence = threads == 0 ? "what needs one is refused" : "what needs one waits for the \(threads) there are"
    return { Self.logger.error("\(error); \(consequence); told every 10 s") }
  }
}
