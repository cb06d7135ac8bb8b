internal import AmbitSystem
internal import CFiber
internal import CLinux

/// A thread that a pool has besides its others, for one piece of work.
final class CallThread: @unchecked Sendable {
  let work: PoolWork
  private let pool: ThreadPool
  /// As the system numbers it; nil before it runs. Guarded by the pool's lock.
  var number: Int32?

  init(of pool: ThreadPool, _ work: PoolWork) {
    self.pool = pool
    self.work = work
  }

  /// - Throws: if the system has no more threads.
  func start() throws(SystemError) {
    try SystemThread(for: "a call", { self.run() }).detach()
  }

  private func run() {
    clinux_name_thread("ambit-pool")
    pool.began(self, number: cfiber_thread_number())
    work.run()
    pool.ended(self)
  }
}
