internal import AmbitSystem
internal import Synchronization

/// The clients of the admin API that wait for a reload.
///
/// Asking raises SIGHUP, so there is one queue of reloads for signals and clients: reloads run one at a time, and all
/// requests that arrive during a reload lead to one further reload.
final class ReloadQueue: Sendable {
  struct Client: Sendable {
    let answer: Latch<ReloadOutcome?>
    /// A plugin that is to be tried again; nil: none.
    let retried: String?
  }

  private struct State {
    var waiting: [Client] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for a reload, and waits for the first one that begins afterwards. From threads that may block.
  /// - Parameter plugin: a plugin that is to be tried again although it is quarantined or was rolled back; nil: none.
  /// - Returns: the outcome; nil if the host stops instead.
  func reload(retrying plugin: String? = nil) -> ReloadOutcome? {
    let latch = Latch<ReloadOutcome?>()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.waiting.append(Client(answer: latch, retried: plugin)) }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    Signals.raise(.reload)
    return latch.wait()?.first ?? nil
  }

  /// How many clients wait for a reload that has not begun.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// The clients that the reload which begins now is to answer. For the control thread.
  func takeWaiting() -> [Client] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  /// Answers all waiting and future clients that there will be no further reload.
  func close() {
    state.withLock { $0.isClosed = true }
    for client in takeWaiting() { client.answer.arrive(nil) }
  }
}
