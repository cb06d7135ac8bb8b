internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

/// Asks a worker at regular intervals whether its event loops turn, and finds out whether it hangs: it accepts no
/// connection, although it could run. For the thread of a slot.
struct Heartbeat {
  /// The longest time between two questions, in nanoseconds.
  private static var longestInterval: Int64 { 2_500_000_000 }
  private static var shortestInterval: Int64 { 100_000_000 }
  /// How long the loops may take to answer, in nanoseconds. A loop that answers later is blocked.
  private static var timeToAnswer: Int64 { 200_000_000 }
  /// How long a worker that writes the report of a crash does not count as hanging, in nanoseconds. The reader of the log
  /// may keep it waiting for 2 s.
  private static var timeToReportCrash: Int64 { 2_500_000_000 }

  private var limit: Int64?
  private var interval: Int64
  private var watch: HangWatch?
  /// When the worker was seen first to write the report of a crash, in monotonic nanoseconds; nil if it does not.
  private var crashBegan: Int64?
  /// When to ask next, in monotonic nanoseconds.
  private(set) var next: Int64

  /// - Parameter limit: how long a worker may accept no connection; nil: for ever.
  init(hangLimit limit: Duration?) {
    (self.limit, interval) = Self.interval(for: limit)
    next = Clock.monotonic + interval
  }

  /// Uses another limit from now on, also for a worker that hangs already.
  mutating func limit(by limit: Duration?) {
    guard limit?.wholeNanoseconds != self.limit else { return }
    (self.limit, interval) = Self.interval(for: limit)
    watch = nil
  }

  private static func interval(for limit: Duration?) -> (limit: Int64?, interval: Int64) {
    guard let limit = limit?.wholeNanoseconds else { return (nil, longestInterval) }
    return (limit, min(max(limit / 4, shortestInterval), longestInterval))
  }

  /// Asks. Blocks for at most some 700 ms.
  /// - Parameter liveness: is told whether all loops turn.
  /// - Returns: what is wrong with the worker, as the end of a sentence about it, if it hangs.
  mutating func ask(_ worker: WorkerProcess, _ liveness: Liveness) -> String? {
    defer { next = Clock.monotonic + interval }
    let asked = Clock.monotonic
    let turning = WorkerHandle.process(worker).turningLoops(within: Self.timeToAnswer)
    liveness.note(worker, isTurning: turning?.isComplete ?? false)
    if let turning {
      worker.note(unmappedCopies: turning.unmappedCopies)
      crashBegan = turning.isCrashing ? crashBegan ?? asked : nil
    }
    guard turning?.count ?? 0 == 0, let limit else {
      watch = nil
      return nil
    }
    var watch = self.watch ?? HangWatch(limit: limit, interval: interval, now: asked)
    defer { self.watch = watch }
    switch watch.look(ProcessTimes.sample(of: worker.pid), now: Clock.monotonic) {
    case .hangs, .unknown:
      if let crashBegan, Clock.monotonic - crashBegan < Self.timeToReportCrash { return nil }
      return "has accepted no connection for hang_limit (\(limit / 1_000_000) ms)"
    case .waits, .stopped, .starved: return nil
    }
  }
}

/// Whether the loops of all workers turn, for the watchdog of the service manager. From any thread.
final class Liveness: Sendable {
  private let turning = Mutex<[ObjectIdentifier: Bool]>([:])

  func note(_ worker: WorkerProcess, isTurning: Bool) {
    turning.withLock { $0[ObjectIdentifier(worker)] = isTurning }
  }

  func forget(_ worker: WorkerProcess) { turning.withLock { $0[ObjectIdentifier(worker)] = nil } }

  /// Whether each worker that was asked has answered from each of its loops when it was asked last.
  var isEverythingTurning: Bool { turning.withLock { $0.values.allSatisfy { $0 } } }
}

/// How many loops of a worker turn.
struct TurningLoops: Codable, Sendable {
  /// Those that have answered.
  let count: Int
  /// Whether these are all.
  let isComplete: Bool
  /// How many private copies the worker has unmapped since its start.
  let unmappedCopies: Int
  /// Whether a thread of the worker has crashed and writes its report.
  let isCrashing: Bool
}
