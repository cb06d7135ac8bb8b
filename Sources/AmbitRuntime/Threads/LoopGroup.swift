public import AmbitSystem
internal import CLinux
internal import Synchronization

/// All loops of the process.
@safe
public final class LoopGroup: Sendable {
  public let loops: [EventLoop]
  let pool: ThreadPool
  private let watchdog: Watchdog

  /// Makes `count` loops and starts their threads; 0 means one for each core this process may use. Debuggers show the
  /// threads as `threadName` and a number.
  public init(
    count: Int, threadName: String = "ambit-loop", table: HostTable, limits: RuntimeLimits,
    pool: ThreadPool.Limits = .init()
  ) throws(SystemError) {
    ForkedChild.watch()
    let pool = ThreadPool(limits: pool)
    var loops: [EventLoop] = []
    let count = count == 0 ? Int(clinux_core_count()) : count
    for index in 0..<count {
      loops.append(
        try EventLoop(
          index: index, of: count, threadName: "\(threadName)-\(index)", api: table.pointer,
          isChecked: table.isChecked, limits: limits, pool: pool))
    }
    self.loops = loops
    self.pool = pool
    watchdog = try Watchdog(loops: loops, pool: pool, stallWarning: limits.stallWarning)
    for loop in loops { loop.record.pointee.watchdog = .passUnretained(watchdog) }
    try watchdog.start()
    for loop in loops { try loop.start() }
  }

  /// How long who may block waits for loops to turn, in nanoseconds, if nothing speaks for another time: then it goes on
  /// without them, whatever plugins do there.
  public static var patience: Int64 { 5_000_000_000 }

  /// Runs `work` on each loop and waits until all have; returns the results in the order in which they came.
  /// From threads that may block, never from a loop; only where no plugin's code can hold a loop up.
  @discardableResult
  public func onEach<Result: Sendable>(_ work: @escaping @Sendable (LoopPointer) -> Result) -> [Result] {
    onEach(within: .max, work)
  }

  /// The same, but waits for at most `patience` nanoseconds: a loop that does not turn, since something on it computes
  /// or blocks, runs `work` later, and its result is lost.
  public func onEach<Result: Sendable>(
    within patience: Int64, _ work: @escaping @Sendable (LoopPointer) -> Result
  ) -> [Result] {
    let latch = Latch<Result>(expected: loops.count)
    for loop in loops { loop.post { latch.arrive(work($0)) } }
    return latch.wait(timeout: patience) ?? latch.arrived
  }

  /// Runs `work` on each loop, in one of its next turns. From any thread; does not wait.
  public func postToEach(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    for loop in loops { loop.post(work) }
  }

  /// The same for work that ends scopes or moves their deadlines: see `EventLoop.postUrgent`.
  public func postUrgentToEach(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    for loop in loops { loop.postUrgent(work) }
  }

  /// Requests whose scope is not closed, on all loops; nil if one does not turn within `patience` nanoseconds. From the
  /// control thread only.
  public func liveRequests(within patience: Int64) -> Int? {
    let counts = onEach(within: patience) { $0.pointee.liveRequests }
    return counts.count == loops.count ? counts.reduce(0, +) : nil
  }

  /// How often a loop has stalled. From any thread.
  public var stallCount: Int { watchdog.stallCount.load(ordering: .relaxed) }

  /// What a lane of the loops' calls does now. From any thread; does not wait.
  public func report(on lane: SerialLane) -> SerialLaneReport { pool.report(on: lane) }

  /// Lets a lane's own thread end, if it has one. No more calls come. From any thread; does not wait.
  public func close(_ lane: SerialLane) { pool.close(lane) }

  /// Ends the threads. What has not ended by then never runs again.
  public func stop() {
    for loop in loops { loop.stop() }
    watchdog.stop()
  }
}
