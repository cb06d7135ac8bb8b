internal import AmbitSystem
internal import Synchronization

/// Who waits for a reload.
///
/// Asking raises SIGHUP, so that requests of the admin API stand in the one queue of reloads that signals make: they run
/// one at a time, and however many ask while one runs, one more follows.
final class ReloadQueue: Sendable {
  private struct State {
    var waiting: [Latch<ReloadOutcome?>] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for a reload and waits until one is done that began after that; nil if the host stops instead. From any thread
  /// that may block.
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

  /// How many wait for a reload that has not begun.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Those whom the reload that begins now answers. For the control thread.
  func takeWaiting() -> [Latch<ReloadOutcome?>] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  /// Tells those who wait, and whoever asks from now on, that no reload comes any more.
  func close() {
    state.withLock { $0.isClosed = true }
    for latch in takeWaiting() { latch.arrive(nil) }
  }
}
