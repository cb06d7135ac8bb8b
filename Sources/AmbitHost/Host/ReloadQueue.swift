internal import AmbitSystem
internal import Synchronization

/// The clients of the admin API that wait for a reload.
///
/// Asking raises SIGHUP, so there is one queue of reloads for signals and clients: reloads run one at a time, and all
/// requests that arrive during a reload lead to one further reload.
final class ReloadQueue: Sendable {
  private struct State {
    var waiting: [Latch<ReloadOutcome?>] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for a reload, and waits for the first one that begins afterwards. From threads that may block.
  /// - Returns: the outcome; nil if the host stops instead.
  func reload() -> ReloadOutcome? {
    let latch = Latch<ReloadOutcome?>()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.waiting.append(latch) }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    Signals.raise(.reload)
    return latch.wait()?.first ?? nil
  }

  /// How many clients wait for a reload that has not begun.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// The clients that the reload which begins now is to answer. For the control thread.
  func takeWaiting() -> [Latch<ReloadOutcome?>] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  /// Answers all waiting and future clients that there will be no further reload.
  func close() {
    state.withLock { $0.isClosed = true }
    for latch in takeWaiting() { latch.arrive(nil) }
  }
}
