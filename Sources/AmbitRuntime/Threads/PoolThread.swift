internal import AmbitSystem
internal import CFiber
internal import CLinux

/// Work that a thread has been given.
struct PoolTask {
  let work: PoolWork
  /// It counts as a running job.
  let isJob: Bool
  /// When a thread got it: monotonic nanoseconds.
  let since: Int64
}

/// A thread of a pool, or the thread that a lane has for itself.
final class PoolThread: @unchecked Sendable {
  /// Where it waits while it has nothing to do.
  let wakeup = Wakeup()
  private let pool: ThreadPool
  /// The lane whose calls it runs; nil for a thread that runs the pool's work.
  private let lane: SerialLane?
  /// The kernel's number; nil before it runs. Guarded by the pool's lock, as `task`.
  var number: Int32?
  /// What it runs or is about to run; nil while it is idle.
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
