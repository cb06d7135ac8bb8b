internal import AmbitSystem
internal import Synchronization

/// The workers whose processes are stopped: SIGSTOP, a debugger. While there are such, connections that the kernel has
/// woken one of them for are left to others: see `BacklogWatch`.
final class StoppedWorkers: Sendable {
  /// When each was stopped: nanoseconds since 1970.
  private let workers = Mutex<[ObjectIdentifier: Int64]>([:])
  fileprivate let backlog = BacklogWatch()

  /// - Returns: whether workers are stopped; nil if nothing has changed.
  fileprivate func note(_ isStopped: Bool, _ worker: WorkerProcess) -> Bool? {
    workers.withLock { workers in
      guard (workers[ObjectIdentifier(worker)] != nil) != isStopped else { return nil }
      workers[ObjectIdentifier(worker)] = isStopped ? Clock.wall : nil
      return !workers.isEmpty
    }
  }

  /// When a worker was stopped, in nanoseconds since 1970; nil if it is not stopped.
  func moment(of worker: WorkerProcess) -> Int64? { workers.withLock { $0[ObjectIdentifier(worker)] } }
}

extension WorkerGroup {
  /// Notes that the process of a worker was stopped, or goes on. From any thread.
  func noteStopped(_ isStopped: Bool, _ worker: WorkerProcess) {
    worker.note(isStopped: isStopped)
    switch stopped.note(isStopped, worker) {
    case true?: stopped.backlog.start(openSockets.withLock { $0 })
    case false?: stopped.backlog.stop()
    case nil: break
    }
  }
}
