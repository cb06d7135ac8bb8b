internal import AmbitSystem
internal import CFiber
internal import CLinux

/// Work that a thread has been given.
struct PoolTask {
  let work: PoolWork
  /// It counts among the jobs at work.
  let isJob: Bool
}

/// One of a pool's threads, or the thread that a lane has for itself.
final class PoolThread: @unchecked Sendable {
  /// Where it waits while it has nothing to do.
  let wakeup = Wakeup()
  private let pool: ThreadPool
  /// Whose calls alone it runs; nil: it runs what the pool has.
  private let lane: SerialLane?
  /// As the system numbers it; nil before it runs. Guarded by the pool's lock, as is what follows.
  var number: Int32?
  /// What it does, or is about to; nil while it has nothing to do.
  var task: PoolTask?

  init(of pool: ThreadPool, for lane: SerialLane? = nil) {
    self.pool = pool
    self.lane = lane
  }

  /// - Throws: if the system has no more threads.
  func start() throws(SystemError) {
    do throws(SystemError) {
      try SystemThread(for: lane.map { "library \($0.name)" } ?? "the pool", { self.serve() }).detach()
    } catch {
      wakeup.destroy()
      throw error
    }
  }

  private func serve() {
    clinux_name_thread(lane == nil ? "ambit-pool" : "ambit-library")
    let number = cfiber_thread_number()
    guard let lane else { while true { pool.nextTask(for: self, number: number).work.run() } }
    while let task = pool.nextTask(for: self, of: lane, number: number) { task.work.run() }
    wakeup.destroy()
  }
}
