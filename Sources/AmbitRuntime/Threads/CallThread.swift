internal import CFiber
internal import CLinux
internal import Glibc

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

  /// False if the system has no more threads.
  func start() -> Bool {
    var created = pthread_t()
    let thread = Unmanaged.passRetained(self)
    let code = pthread_create(
      &created, nil,
      { thread in
        Unmanaged<CallThread>.fromOpaque(thread!).takeRetainedValue().run()
        return nil
      }, thread.toOpaque())
    guard code == 0 else {
      thread.release()
      return false
    }
    pthread_detach(created)
    return true
  }

  private func run() {
    clinux_name_thread("ambit-pool")
    cfiber_install_signal_stack()
    pool.began(self, number: cfiber_thread_number())
    work.run()
    pool.ended(self)
    cfiber_remove_signal_stack()
  }
}
