internal import CFiber
internal import CLinux
internal import Glibc

/// Threads for plugin code that must not run on a loop: code that blocks or computes, and all code of plugins that run
/// on threads alone.
///
/// A thread is started when there is work for it and none is idle, and stays until the process ends. There is one more
/// than may be at work on jobs, for hooks: these run although all jobs wait, perhaps for them.
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
    /// A job that waits however many do.
    case dueJob
    /// Short, and never refused; it goes before all jobs.
    case hook
  }

  private let limits: Limits
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let hasWork = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Guarded by `lock`, as is all that follows.
  private var jobs = WorkQueue()
  private var hooks = WorkQueue()
  private var threadCount = 0
  private var idleCount = 0
  private var jobsAtWork = 0
  /// What each busy thread works for, by the number that the system gave it: the subject of its work.
  private var subjects: [Int32: UInt] = [:]

  public init(limits: Limits = Limits()) {
    self.limits = limits
    pthread_mutex_init(lock, nil)
    pthread_cond_init(hasWork, nil)
  }

  /// Has one of the threads run `work`; false if too much waits already, or if there is no thread and none can be
  /// started. From any thread; does not wait.
  func submit(_ kind: Kind, _ work: PoolWork) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    if kind == .job, jobsAtWork + jobs.count >= limits.threads + limits.queue { return false }
    let isJob = kind != .hook
    let startable = min(jobs.count + (isJob ? 1 : 0), limits.threads - jobsAtWork) + hooks.count + (isJob ? 0 : 1)
    if idleCount < startable, threadCount <= limits.threads, startThread() { threadCount += 1 }
    guard threadCount > 0 else { return false }
    if isJob { jobs.append(work) } else { hooks.append(work) }
    pthread_cond_signal(hasWork)
    return true
  }

  /// Gives up a job that was submitted; false if a thread has taken it. From any thread; does not wait.
  func withdraw(_ work: PoolWork) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return jobs.withdraw(work)
  }

  private func startThread() -> Bool {
    var thread = pthread_t()
    let pool = Unmanaged.passRetained(self)
    let code = pthread_create(
      &thread, nil,
      { pool in
        Unmanaged<ThreadPool>.fromOpaque(pool!).takeRetainedValue().serve()
      }, pool.toOpaque())
    guard code == 0 else {
      pool.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  private func serve() -> Never {
    clinux_name_thread("ambit-pool")
    cfiber_install_signal_stack()
    let thread = cfiber_thread_number()
    while true {
      let (work, isJob) = next(for: thread)
      work.run()
      if isJob { jobEnded() }
    }
  }

  /// Waits for work that may be done now.
  private func next(for thread: Int32) -> (work: PoolWork, isJob: Bool) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    subjects[thread] = nil
    idleCount += 1
    defer { idleCount -= 1 }
    while true {
      if let hook = hooks.popFirst() {
        subjects[thread] = hook.subject
        return (hook, false)
      }
      if jobsAtWork < limits.threads, let job = jobs.popFirst() {
        jobsAtWork += 1
        subjects[thread] = job.subject
        return (job, true)
      }
      pthread_cond_wait(hasWork, lock)
    }
  }

  /// The thread that works for `subject`; nil if none does. From any thread.
  func thread(workingFor subject: UInt) -> Int32? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return subjects.first { $0.value == subject }?.key
  }

  private func jobEnded() {
    pthread_mutex_lock(lock)
    jobsAtWork -= 1
    pthread_mutex_unlock(lock)
  }
}
