internal import AmbitSystem
internal import Synchronization

/// Chooses the worker that runs jobs with `AMBIT_JOB_ONCE`: the first of those that serve. Another one is chosen when it
/// serves no more and none of its jobs of this kind runs any more, so that no job runs in two workers at a time.
///
/// From any thread; nothing waits.
final class OnceDesignation: Sendable {
  private struct State {
    var designated: (index: Int, worker: WorkerHandle)?
    /// A thread waits until the jobs of the last worker have ended.
    var isWaiting = false
    var present: [(index: Int, worker: WorkerHandle)] = []
  }

  private let state = Mutex(State())

  /// The place of the worker that runs them; nil if none does.
  var index: Int? { state.withLock { $0.designated?.index } }

  /// Chooses one of these workers if the one before serves no more.
  func choose(among present: [(index: Int, worker: WorkerHandle)]) {
    let last = state.withLock { state -> WorkerHandle? in
      state.present = present
      if let designated = state.designated?.worker {
        guard !state.isWaiting, !present.contains(where: { $0.worker.isSame(as: designated) }) else { return nil }
        state.isWaiting = true
        return designated
      }
      if !state.isWaiting { Self.designate(&state) }
      return nil
    }
    guard let last else { return }
    onOwnThread {
      last.endOnceJobs()
      self.state.withLock { state in
        (state.designated, state.isWaiting) = (nil, false)
        Self.designate(&state)
      }
    }
  }

  /// Chooses none before `latch` opens: such jobs may run in workers that get no orders.
  func holdBack(until latch: Latch<Void>) {
    state.withLock { $0.isWaiting = true }
    onOwnThread {
      _ = latch.wait()
      self.state.withLock { state in
        state.isWaiting = false
        Self.designate(&state)
      }
    }
  }

  private static func designate(_ state: inout State) {
    guard let first = state.present.first(where: { !$0.worker.isGone }) else { return }
    state.designated = first
    first.worker.runOnceJobs()
  }
}
