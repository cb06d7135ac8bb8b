internal import AmbitSystem
internal import Synchronization

// Roll-backs are for the control thread, which may be in a reload, and workers that start may wait for them.

extension Faults {
  /// What the control thread does, as far as roll-backs are concerned.
  enum ControlThread: Sendable {
    /// It rolls back at once, or in a moment.
    case isFree
    /// It loads plugins for a reload, and breaks that off for a roll-back.
    case reloads
    /// It waits for workers, which must not wait for it.
    case replacesWorkers
  }

  /// Waits until no roll-back is under way, at most `timeout` nanoseconds: a worker that starts meanwhile could serve
  /// nothing in place of the generation. Does not wait while the control thread waits for workers.
  func awaitRollBacks(within timeout: Int64, unless isStopping: @Sendable () -> Bool) {
    let latch = Latch<Void>()
    let isSettled = state.withLock { state in
      if !state.ledger.rollBacks.isEmpty { state.waiting.append(latch) }
      return state.ledger.rollBacks.isEmpty
    }
    guard !isSettled else { return }
    _ = latch.wait(timeout: timeout) { isStopping() || controlThread.withLock { $0 == .replacesWorkers } }
  }

  /// Whether the reload under way is to be broken off, because a plugin is to be rolled back first.
  var breaksReloadOff: Bool {
    controlThread.withLock { $0 == .reloads } && state.withLock { !$0.ledger.rollBacks.isEmpty }
  }

  /// Says what the control thread does while it runs `body`.
  func whileControlThread<Answer, Failure: Error>(
    _ activity: ControlThread, _ body: () throws(Failure) -> Answer
  ) throws(Failure) -> Answer {
    controlThread.withLock { $0 = activity }
    defer { controlThread.withLock { $0 = .isFree } }
    return try body()
  }
}

extension Faults.State {
  /// Wakes those who wait if no roll-back is under way any more.
  mutating func openIfSettled() {
    guard ledger.rollBacks.isEmpty else { return }
    for latch in waiting { latch.arrive(()) }
    waiting = []
  }
}
