internal import CFiber
internal import CLinux
internal import Glibc

/// Threads for plugin code that blocks or computes, so that no loop has to wait for it.
///
/// A thread is started when there is work and none is idle, up to a limit, and stays until the process ends.
public final class ThreadPool: @unchecked Sendable {
  public struct Limits: Sendable {
    /// Threads at most.
    public var threads: Int
    /// Work that may wait for a thread; more is refused.
    public var queue: Int

    public init(threads: Int = 64, queue: Int = 1024) {
      self.threads = threads
      self.queue = queue
    }
  }

  typealias Work = @Sendable () -> Void

  private let limits: Limits
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let hasWork = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Guarded by `lock`, as are the counts.
  private var waiting: [Work] = []
  private var threadCount = 0
  private var idleCount = 0

  public init(limits: Limits = Limits()) {
    self.limits = limits
    pthread_mutex_init(lock, nil)
    pthread_cond_init(hasWork, nil)
  }

  /// Runs `work` on one of the threads; false if too much waits already. From any thread; does not wait.
  func submit(_ work: @escaping Work) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    let hasIdleThread = idleCount > waiting.count
    guard hasIdleThread || threadCount < limits.threads || waiting.count < limits.queue else { return false }
    if !hasIdleThread, threadCount < limits.threads, startThread() { threadCount += 1 }
    guard threadCount > 0 else { return false }
    waiting.append(work)
    pthread_cond_signal(hasWork)
    return true
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
    while true { next()() }
  }

  private func next() -> Work {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    idleCount += 1
    while waiting.isEmpty { pthread_cond_wait(hasWork, lock) }
    idleCount -= 1
    return waiting.removeFirst()
  }
}
