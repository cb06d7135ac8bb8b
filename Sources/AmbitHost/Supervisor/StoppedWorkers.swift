internal import AmbitSystem
internal import Synchronization

/// The workers whose processes are stopped: SIGSTOP, a debugger. While there are such, connections that the kernel has
/// woken one of them for are left to others: see `BacklogWatch`.
final class StoppedWorkers: Sendable {
  private let workers = Mutex<Set<ObjectIdentifier>>([])
  fileprivate let backlog = BacklogWatch()

  /// - Returns: whether workers are stopped; nil if nothing has changed.
  fileprivate func note(_ isStopped: Bool, _ worker: WorkerProcess) -> Bool? {
    workers.withLock { workers in
      let hasChanged =
        isStopped ? workers.insert(ObjectIdentifier(worker)).inserted : workers.remove(ObjectIdentifier(worker)) != nil
      return hasChanged ? !workers.isEmpty : nil
    }
  }

  func contains(_ worker: WorkerProcess) -> Bool { workers.withLock { $0.contains(ObjectIdentifier(worker)) } }
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
