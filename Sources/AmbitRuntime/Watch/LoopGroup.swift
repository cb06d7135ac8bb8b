public import AmbitCore
public import AmbitSystem
internal import CLinux
internal import Synchronization

/// All loops of the process, with their pool of threads and their watchdog.
@safe
public final class LoopGroup: Sendable {
  public let loops: [EventLoop]
  /// Checked mode.
  public let isChecked: Bool
  let pool: ThreadPool
  private let watchdog: Watchdog
  /// Logs when plugins are below their limits again: see `GenerationUse`.
  public let limitWatch = LimitWatch()
  /// Decides which jobs with `AMBIT_JOB_ONCE` may run.
  public let onceJobs: OnceJobs

  /// Makes `count` loops and starts their threads; 0 means one for each CPU that this process may use: `UsableCPUs`.
  /// Debuggers show the threads as `threadName` and a number. Plugins find `place` by `ambit.worker/1`. Jobs with
  /// `AMBIT_JOB_ONCE` run from the start if `runsOnceJobs`: see `setRunsOnceJobs`.
  public init(
    count: Int, threadName: String = "ambit-loop", table: HostTable, limits: RuntimeLimits,
    pool: ThreadPool.Limits = .init(), place: WorkerPlace = .only, runsOnceJobs: Bool = true
  ) throws(SystemError) {
    ForkedChild.watch()
    let pool = ThreadPool(limits: pool)
    var loops: [EventLoop] = []
    let count = count == 0 ? UsableCPUs.current.count : count
    for index in 0..<count {
      loops.append(
        try EventLoop(
          index: index, of: count, threadName: "\(threadName)-\(index)", api: table.pointer,
          isChecked: table.isChecked, limits: limits, pool: pool))
    }
    self.loops = loops
    isChecked = table.isChecked
    self.pool = pool
    watchdog = try Watchdog(loops: loops, pool: pool, limits: limitWatch, stallWarning: limits.stallWarning)
    onceJobs = OnceJobs(isDesignated: runsOnceJobs)
    onceJobs.onChange { [loops] in for loop in loops { loop.postUrgent { $0.reviewOnceJobs() } } }
    let worker = try place.makeExtension()
    for loop in loops {
      loop.record.pointee.watchdog = .passUnretained(watchdog)
      loop.record.pointee.worker = worker
    }
    try watchdog.start()
    for loop in loops { try loop.start() }
  }

  /// How long callers that may block wait for an answer of the loops, in nanoseconds, if they have no reason for
  /// another timeout. Then they go on without the loops that plugin code blocks.
  public static var defaultTimeout: Int64 { 5_000_000_000 }

  /// Runs `work` on each loop and waits for all of them; returns the results in order of arrival. From threads that may
  /// block, never from a loop, and only where plugin code cannot block a loop.
  @discardableResult
  public func onEach<Result: Sendable>(_ work: @escaping @Sendable (LoopPointer) -> Result) -> [Result] {
    onEach(within: .max, work)
  }

  /// The same, but waits for at most `timeout` nanoseconds: a loop that is blocked runs `work` later, and its result is
  /// lost. Gives up earlier, too, soon after `isCancelled` returns true.
  public func onEach<Result: Sendable>(
    within timeout: Int64, unless isCancelled: () -> Bool = { false },
    _ work: @escaping @Sendable (LoopPointer) -> Result
  ) -> [Result] {
    let latch = Latch<Result>(expected: loops.count)
    for loop in loops { loop.post { latch.arrive(work($0)) } }
    return latch.wait(timeout: timeout, unless: isCancelled) ?? latch.arrived
  }

  /// Limits the jobs of a request from now on, also of requests that run. A loop that is blocked follows when it runs
  /// again. From any thread; does not wait.
  public func limitJobs(perRequest count: Int) {
    postToEach { $0.pointee.limits.jobsPerRequest = UInt32(clamping: count) }
  }

  /// Limits what a generation may use from now on. What it uses stays in use, even if it is more. From any thread; does
  /// not wait.
  public func limit(_ use: GenerationUse, to limits: PluginLimits) {
    use.set(limits)
    pool.setLimit(of: use.threads, to: limits.threads)
  }

  /// What a generation uses at the moment, and its limits. From any thread; does not wait.
  public func report(on use: GenerationUse) -> GenerationUseReport {
    GenerationUseReport(
      requests: use.requests.report, jobs: use.jobs.report, threads: pool.report(on: use.threads),
      alloc: use.memory.report)
  }

  /// Runs `work` on each loop, in one of its next turns. From any thread; does not wait.
  public func postToEach(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    for loop in loops { loop.post(work) }
  }

  /// The same for work that ends scopes or moves their deadlines; see `EventLoop.postUrgent`.
  public func postUrgentToEach(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    for loop in loops { loop.postUrgent(work) }
  }

  /// Sets the event of `ambit_draining` of all generations, also of those to come: the worker finishes what runs, and
  /// then ends. A loop that is blocked follows when it turns again, or when the job that computes there asks whether it
  /// is cancelled. Calling it again has no effect. From any thread; does not wait.
  public func beginDraining() { postUrgentToEach { $0.beginDraining() } }

  /// Whether this worker is the one that runs jobs with `AMBIT_JOB_ONCE`. When it is not any more, those that run are
  /// cancelled with `retired`, tickers miss their ticks, and no other begins. A cancelled job may go on as long as it
  /// likes, so another worker may be designated only after `ended` was called: once, on any thread, when none runs any
  /// more. That is at once if none runs, and never if this worker is designated again before. From any thread; does not
  /// wait.
  public func setRunsOnceJobs(_ isDesignated: Bool, ended: @escaping @Sendable () -> Void = {}) {
    onceJobs.designate(isDesignated, ended: ended)
  }

  /// Whether this worker is not designated and no job with `AMBIT_JOB_ONCE` runs in it any more. From any thread.
  public var onceJobsHaveEnded: Bool { onceJobs.haveEnded }

  /// Requests whose scope is not closed, on all loops; nil if a loop does not answer within `timeout` nanoseconds. From
  /// the control thread only.
  public func liveRequests(within timeout: Int64) -> Int? {
    let counts = onEach(within: timeout) { $0.pointee.liveRequests }
    return counts.count == loops.count ? counts.reduce(0, +) : nil
  }

  /// How often a loop has been blocked for `stall_warning`. From any thread.
  public var stallCount: Int { watchdog.stallCount.load(ordering: .relaxed) }

  /// What the threads of the pool do at the moment. From any thread; asks the kernel about each thread.
  public var poolReport: PoolReport { PoolReport(pool.snapshot) }

  /// What a lane does at the moment. From any thread; does not wait.
  public func report(on lane: SerialLane) -> SerialLaneReport { pool.report(on: lane) }

  /// Lets a lane's own thread end, if it has one. No more calls may come. From any thread; does not wait.
  public func close(_ lane: SerialLane) { pool.close(lane) }

  /// Ends the threads. Jobs that have not ended never run again.
  public func stop() {
    for loop in loops { loop.stop() }
    watchdog.stop()
  }
}
