internal import CFiber
internal import CLinux

/// Work that a thread has been given.
struct PoolTask {
  let work: PoolWork
  /// It counts among the jobs at work.
  let isJob: Bool
}

/// One of a pool's threads.
final class PoolThread: @unchecked Sendable {
  /// Where it waits while it has nothing to do.
  let parker = Parker()
  private let pool: ThreadPool
  /// As the system numbers it; nil before it runs. Guarded by the pool's lock, as is what follows.
  var number: Int32?
  /// What it does, or is about to; nil while it has nothing to do.
  var task: PoolTask?

  init(of pool: ThreadPool) { self.pool = pool }

  /// - Throws: if the system has no more threads.
  func start() throws(SystemError) {
    do throws(SystemError) {
      try SystemThread(for: "the pool", { self.serve() }).detach()
    } catch {
      parker.destroy()
      throw error
    }
  }

  private func serve() -> Never {
    clinux_name_thread("ambit-pool")
    cfiber_install_signal_stack()
    let number = cfiber_thread_number()
    while true { pool.nextTask(for: self, number: number).work.run() }
  }
}
