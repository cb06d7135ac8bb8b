internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The end of a worker: no new connections, then requests in flight finish, then all that still runs is cancelled and
// plugins are stopped.

extension Worker {
  /// How long a step waits for the answer of each event loop, in nanoseconds. A blocked loop does not answer.
  private static var loopTimeout: Int64 { 100_000_000 }

  /// Accepts no more connections, lets requests in flight finish, then cancels all that still runs and stops each
  /// plugin. All steps share one deadline; what has not ended by then is named in the log and left behind. Loops that hang
  /// are not waited for: see `hungLoops`. Call it once. Blocks.
  /// - Parameters:
  ///   - idleTime: how long an idle connection stays open, because the next request may be under way to it. If it is not
  ///     zero, connections are waited for as requests are.
  ///   - hasDrained: called when the sockets are not accepted from any more, with whether every loop has done its part.
  ///     If not, they are still in use.
  ///   - isStopping: called before what still runs is cancelled.
  /// - Returns: the labels of the generations that still run.
  func leave(
    by deadline: ShutdownDeadline, idleTime: Duration = .zero, hasDrained: (_ isComplete: Bool) -> Void,
    isStopping: () -> Void
  ) -> [String] {
    hasDrained(drain(within: Self.loopTimeout, idleTime: idleTime))
    let isIdle = Self.wait(until: deadline.drainEnd) {
      server.isIdle(
        withoutConnections: idleTime != .zero, besides: hungLoops, within: Self.timeLeft(until: deadline.drainEnd))
    }
    // A drain of no time does not wait for the loops.
    let count = isIdle ? 0 : liveRequests(within: Self.timeLeft(until: deadline.lastMoment))
    if count != 0 {
      logger.warning(
        "drain timeout reached, cancelling the remaining requests",
        metadata: ["requests": "\(Self.text(count))"])
    }
    isStopping()
    end()
    if !hungLoops.isEmpty { return logRunning(within: Self.loopTimeout / 2) }
    return waitForEnd(by: deadline)
  }

  /// Waits for plugins that are ended, for at most `cancel_grace`, and logs which ones did not end.
  /// - Returns: the labels of the generations that still run.
  @discardableResult
  func waitForEnd(by deadline: ShutdownDeadline) -> [String] {
    guard !Self.wait(until: deadline.graceEnd(from: Clock.monotonic), for: { hasEnded }) else { return [] }
    return logRunning(within: Self.loopTimeout / 2)
  }

  /// A number of requests in a log line; nil: it is not known.
  static func text(_ requests: Int?) -> String { requests.map(String.init) ?? "unknown, an event loop is blocked" }

  /// How long to wait for the event loops in a step that ends at `end`.
  private static func timeLeft(until end: Int64) -> Int64 { min(max(end - Clock.monotonic, 0), loopTimeout) }

  /// Waits until `condition` holds, and looks a hundred times a second.
  /// - Returns: false if it did not hold by `end`, in monotonic nanoseconds.
  private static func wait(until end: Int64, for condition: () -> Bool) -> Bool {
    while !condition() {
      let left = end - Clock.monotonic
      guard left > 0 else { return false }
      pauseThread(.nanoseconds(min(left, 10_000_000)))
    }
    return true
  }
}
