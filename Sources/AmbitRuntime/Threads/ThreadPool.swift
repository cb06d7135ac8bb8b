internal import AmbitSystem
internal import Glibc

/// Threads for plugin code that must not run on a loop: code that blocks or computes, and all code of plugins that run
/// on threads alone.
///
/// A thread is started when there is work for it and none is idle, and stays until the process ends. There is one more
/// than may be at work on jobs, for hooks: these run although all jobs wait, perhaps for them. Jobs of a `SerialLane` run
/// one at a time; those that wait for their turn are in the lane's queue, not in the pool's.
public final class ThreadPool: @unchecked Sendable {
  public struct Limits: Sendable {
    /// Jobs at work at most.
    public var threads: Int
    /// Jobs that may wait for a thread; more are refused.
    public var queue: Int

    public init(threads: Int = 64, queue: Int = 1024) {
      self.threads = threads
      self.queue = queue
    }
  }

  /// What work is, and so when it has its turn.
  enum Kind {
    /// Refused if too many wait.
    case job
    /// What may take as long as it likes, and waits for nobody: it has a thread besides the others, which ends with it.
    case call
    /// Short, and never refused; it goes before all jobs.
    case hook
  }

  let limits: Limits
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  /// Guarded by `lock`, as is all that follows.
  var jobs = WorkQueue()
  private var hooks = WorkQueue()
  var threads: [PoolThread] = []
  /// Those that have nothing to do, the one that had last at the end: its memory is still in the caches.
  private var idle: [PoolThread] = []
  /// How many of the threads have not begun yet.
  private var startingCount = 0
  private var jobsAtWork = 0
  private var calls: [CallThread] = []
  var shortage = ThreadShortage()
  /// Threads that lanes have for themselves.
  var laneThreads: [PoolThread] = []
  /// Lanes in which calls have waited, until none does any more.
  var contendedLanes: [SerialLane] = []
  /// What is to be told of calls that were reported and have returned since.
  var returnedCalls: [SerialLaneReport] = []

  public init(limits: Limits = Limits()) {
    self.limits = limits
    pthread_mutex_init(lock, nil)
  }

  /// Has one of the threads run `work`; false if too much waits already, or if there is no thread and none can be
  /// started. From any thread; does not wait.
  func submit(_ kind: Kind, _ work: PoolWork) -> Bool {
    let (accepted, news) = withLock { (accept(kind, work), shortage.takeNews()) }
    news?()
    guard let thread = accepted else { return false }
    // Not under the lock, which the thread would find taken.
    thread?.wakeup.notify()
    return true
  }

  /// Gives up a job that was submitted; false if a thread has been given it. From any thread; does not wait.
  func withdraw(_ work: PoolWork) -> Bool {
    guard work.lane == nil else { return withdrawFromLane(work) }
    return withLock { jobs.withdraw(work) }
  }

  /// The thread that works for `subject`; nil if none does. From any thread.
  func thread(workingFor subject: UInt) -> Int32? {
    withLock {
      if let thread = threads.first(where: { $0.task?.work.subject == subject }) { return thread.number }
      if let thread = laneThreads.first(where: { $0.task?.work.subject == subject }) { return thread.number }
      return calls.first { $0.work.subject == subject }?.number
    }
  }

  /// The threads that run something, or are about to, by the system's numbers. From any thread.
  var busyThreads: Set<Int32> {
    withLock {
      Set((threads + laneThreads).filter { $0.task != nil }.compactMap(\.number) + calls.compactMap(\.number))
    }
  }

  /// Takes work in; the thread that has to be woken for it, if any, or nil if the work is refused.
  private func accept(_ kind: Kind, _ work: PoolWork) -> PoolThread?? {
    if kind == .call { return startCall(work) ? .some(nil) : nil }
    if let lane = work.lane, lane.isOnOwnThread || lane.running != nil { return queue(work, in: lane) }
    if kind == .job, jobsAtWork + jobs.count >= limits.threads + limits.queue { return nil }
    if kind == .hook { hooks.append(work) } else { jobs.append(work) }
    work.lane?.running = work
    let thread = assignNext()
    if thread == nil, threads.isEmpty {
      _ = kind == .hook ? hooks.withdraw(work) : jobs.withdraw(work)
      work.lane?.running = nil
      return nil
    }
    return .some(thread)
  }

  /// Gives what waits to an idle thread, which has to be woken, or starts one more thread, which will look for it.
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

  /// Takes what may be done now out of the queues.
  private func nextTask() -> PoolTask? {
    if let hook = hooks.popFirst() { return PoolTask(work: hook, isJob: false) }
    guard jobsAtWork < limits.threads, let job = jobs.popFirst() else { return nil }
    jobsAtWork += 1
    job.lane?.noteBegin()
    return PoolTask(work: job, isJob: true)
  }

  /// Starts one more thread; nothing happens if the system has none.
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

  private func startCall(_ work: PoolWork) -> Bool {
    let thread = CallThread(of: self, work)
    do throws(SystemError) {
      try thread.start()
      calls.append(thread)
      return true
    } catch {
      shortage.note(error, threads: 0)
      return false
    }
  }

  /// On the thread, of which `number` is the system's.
  func began(_ thread: CallThread, number: Int32) { withLock { thread.number = number } }

  func ended(_ thread: CallThread) { withLock { calls.removeAll { $0 === thread } } }

  /// What a thread does next, after what it has done, as soon as there is something. On that thread, of which `number`
  /// is the system's.
  func nextTask(for thread: PoolThread, number: Int32) -> PoolTask {
    let (task, woken): (PoolTask?, PoolThread?) = withLock {
      if thread.number == nil { startingCount -= 1 }
      if let done = thread.task, done.isJob { jobsAtWork -= 1 }
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

  func withLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body()
  }
}
