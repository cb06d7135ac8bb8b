internal import AmbitSystem
internal import Glibc
internal import Logging

/// Threads for plugin code that must not run on a loop: code that blocks or computes, and all code of plugins with
/// `AMBIT_PLUGIN_THREADS`.
///
/// A thread is started when there is work and no thread is idle, and it stays until the process ends. The pool has one
/// thread more than `limits.threads`, for hooks: they run even while all jobs wait, perhaps for them. Jobs of a
/// `SerialLane` run one at a time; jobs that wait for their turn are in the lane's queue, not in the pool's.
public final class ThreadPool: @unchecked Sendable {
  public struct Limits: Sendable {
    /// How many jobs run at the same time, at most.
    public var threads: Int
    /// How many jobs may wait for a thread; more are refused.
    public var queue: Int

    public init(threads: Int = 64, queue: Int = 1024) {
      self.threads = threads
      self.queue = queue
    }
  }

  /// The kind of work, which decides when it runs.
  enum Kind {
    /// Refused if too many jobs wait.
    case job
    /// A lifecycle call. Starts at once, on a thread of its own, which ends with it.
    case call(LifecycleCall)
    /// Short and never refused; runs before all jobs.
    case hook
  }

  let limits: Limits
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  /// Guarded by `lock`, as all properties below.
  var jobs = WorkQueue()
  private var hooks = WorkQueue()
  var threads: [PoolThread] = []
  /// Threads without work. The last one was busy last, so its memory is still in the caches.
  private var idle: [PoolThread] = []
  /// How many threads have been started and do not run yet.
  private var startingCount = 0
  private(set) var jobsAtWork = 0
  /// The most jobs that have run at the same time.
  private(set) var mostJobsAtWork = 0
  var starvation = PoolStarvation()
  var calls: [CallThread] = []
  /// Lifecycle calls that were reported and have returned since, for the watchdog to report.
  var lateCalls: [OverdueCall] = []
  var shortage = ThreadShortage()
  /// The threads that lanes have for themselves.
  var laneThreads: [PoolThread] = []
  /// Lanes in which calls wait, or have waited since the watchdog looked last.
  var contendedLanes: [SerialLane] = []
  /// Calls that were reported and have returned since, for the watchdog to report.
  var returnedCalls: [SerialLaneReport] = []
  /// Shares of generations whose work waits for one of their threads, or was refused lately.
  var watchedShares: [ThreadShare] = []
  /// Limits the lines about refused work.
  var refusalLimit = LogRateLimit()

  public init(limits: Limits = Limits()) {
    self.limits = limits
    pthread_mutex_init(lock, nil)
  }

  /// Has a thread run `work`. From any thread; does not wait.
  /// - Throws: if too many jobs wait already, or if there is no thread and none can be started.
  func submit(_ kind: Kind, _ work: PoolWork) throws(PoolError) {
    let (accepted, report) = withLock { (accept(kind, work), shortage.takeReport()) }
    report?()
    // Outside the lock, which the thread takes next.
    try accepted.get()?.wakeup.notify()
  }

  /// Withdraws a job that was submitted; false if a thread has taken it. From any thread; does not wait.
  func withdraw(_ work: PoolWork) -> Bool {
    guard work.lane == nil else { return withdrawFromLane(work) }
    let (isWithdrawn, woken) = withLock {
      let isWithdrawn = takeBack(work)
      return (isWithdrawn, isWithdrawn && work.share != nil ? assignNext() : nil)
    }
    woken?.wakeup.notify()
    return isWithdrawn
  }

  /// The kernel's number of the thread that works for `subject`; nil if none does. From any thread.
  func thread(workingFor subject: UInt) -> Int32? {
    withLock {
      if let thread = threads.first(where: { $0.task?.work.subject == subject }) { return thread.number }
      if let thread = laneThreads.first(where: { $0.task?.work.subject == subject }) { return thread.number }
      return calls.first { $0.work.subject == subject }?.number
    }
  }

  /// The kernel's numbers of the threads that run work or are about to. From any thread.
  var busyThreads: Set<Int32> {
    withLock {
      Set((threads + laneThreads).filter { $0.task != nil }.compactMap(\.number) + calls.compactMap(\.number))
    }
  }

  /// Queues work. Returns the thread to be woken for it, if any.
  private func accept(_ kind: Kind, _ work: PoolWork) -> Result<PoolThread?, PoolError> {
    var isHook = false
    switch kind {
    case .call(let call): return start(call, work) ? .success(nil) : .failure(.noThread)
    case .hook: isHook = true
    case .job: break
    }
    if let lane = work.lane, lane.isOnOwnThread || lane.running != nil { return queue(work, in: lane) }
    if !isHook, let error = refusal(of: work) { return .failure(error) }
    if isHook { hooks.append(work) } else { enqueue(work) }
    work.lane?.running = work
    let thread = assignNext()
    if thread == nil, threads.isEmpty {
      _ = isHook ? hooks.withdraw(work) : takeBack(work)
      work.lane?.running = nil
      return .failure(.noThread)
    }
    return .success(thread)
  }

  /// Why a job is refused; nil if it may run or wait.
  private func refusal(of job: PoolWork) -> PoolError? {
    if let share = job.share, share.isFull { return refusal(in: share) }
    return jobsAtWork + jobs.count >= limits.threads + limits.queue ? .full(queue: limits.queue) : nil
  }

  /// Queues a job that may run when a thread is free: see `enqueue`. Under the lock.
  func queue(_ job: PoolWork) {
    if jobs.count == 0 { starvation.lastMove = Clock.monotonic }
    jobs.append(job)
  }

  /// Gives waiting work to an idle thread, which is returned to be woken, or starts one more thread, which will look
  /// for work.
  func assignNext() -> PoolThread? {
    if let thread = idle.last, let task = nextTask() {
      idle.removeLast()
      thread.task = task
      return thread
    }
    let startable = hooks.count + min(jobs.count, limits.threads - jobsAtWork)
    if startingCount < startable, threads.count <= limits.threads { startThread() }
    return nil
  }

  /// Takes work that may run now out of the queues.
  private func nextTask() -> PoolTask? {
    if let hook = hooks.popFirst() { return PoolTask(work: hook, isJob: false, since: 0) }
    guard jobsAtWork < limits.threads, let job = jobs.popFirst() else { return nil }
    jobsAtWork += 1
    job.share?.running += 1
    mostJobsAtWork = max(mostJobsAtWork, jobsAtWork)
    let now = Clock.monotonic
    starvation.lastMove = now
    job.lane?.noteBegin(at: now)
    return PoolTask(work: job, isJob: true, since: now)
  }

  /// Starts one more thread. If the system has none, only the log shows it.
  private func startThread() {
    let thread = PoolThread(of: self)
    do throws(SystemError) {
      try thread.start()
      threads.append(thread)
      startingCount += 1
    } catch {
      shortage.note(error, threads: threads.count)
    }
  }

  /// The work of a thread has returned: waits for its next work. On that thread; `number` is the kernel's.
  func nextTask(for thread: PoolThread, number: Int32) -> PoolTask {
    let (task, woken): (PoolTask?, PoolThread?) = withLock {
      if thread.number == nil { startingCount -= 1 }
      if let done = thread.task, done.isJob { jobEnded(done.work) }
      let woken = thread.task?.work.lane.flatMap(advance)
      thread.number = number
      thread.task = nextTask()
      if thread.task == nil { idle.append(thread) }
      return (thread.task, woken)
    }
    woken?.wakeup.notify()
    if let task { return task }
    thread.wakeup.wait()
    return thread.task!
  }

  private func jobEnded(_ job: PoolWork) {
    jobsAtWork -= 1
    guard let share = job.share else { return }
    share.running -= 1
    giveBack(share)
  }

  func withLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body()
  }
}

/// Logs that the system refuses a pool more threads. That may go on for hours, so the lines are limited.
struct ThreadShortage {
  private static let logger = Logger(label: "ambit")

  /// The error that is to be logged, and how many threads the pool had; nil if there is none.
  private var unreported: (error: SystemError, threads: Int)?
  private var logLimit = LogRateLimit()

  /// A pool that has `threads` threads has not got another one.
  mutating func note(_ error: SystemError, threads: Int) {
    if logLimit.permits(at: Clock.monotonic) { unreported = (error, threads) }
  }

  /// Logs the error, if there is one to be logged. For the caller to run after it has released its lock: the log may be
  /// slow.
  mutating func takeReport() -> (() -> Void)? {
    guard let (error, threads) = unreported else { return nil }
    unreported = nil
    let consequence = threads == 0 ? "the work is refused" : "the work waits for one of the \(threads) threads"
    return { Self.logger.error("\(error); \(consequence); \(LogRateLimit.note)") }
  }
}
