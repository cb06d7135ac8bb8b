internal import Logging
internal import Synchronization

/// Looks after connections that wait in the queues of listening sockets, while a process that the kernel may have woken
/// to accept them cannot run.
///
/// The kernel wakes one event loop for a new connection. If its process is stopped (SIGSTOP) or ends before it accepts,
/// the connection would wait until another one wakes another loop. The supervisor starts the watch when a worker is
/// stopped or does not answer, and stops it afterwards; when a worker has ended it looks once. At rest no thread runs.
/// From any thread.
package final class BacklogWatch: Sendable {
  /// How long a connection waits at most, in nanoseconds, before another loop is woken.
  private static var interval: Int64 { 20_000_000 }

  private struct State {
    /// The sockets that the thread looks at.
    var sockets: [ListeningSocket] = []
    var isWanted = false
    var hasThread = false
  }

  private let state = Mutex(State())
  private let wakeup = Wakeup()

  package init() {}

  deinit { wakeup.destroy() }

  /// Looks at these sockets every 20 ms from now on, on a thread of its own. Called again, it looks at others.
  package func start(_ sockets: [ListeningSocket]) {
    let needsThread = state.withLock { state in
      defer { state.hasThread = true }
      (state.sockets, state.isWanted) = (sockets, true)
      return !state.hasThread
    }
    guard needsThread else { return }
    do throws(SystemError) {
      try SystemThread(for: "connections that wait") { self.run() }.detach()
    } catch {
      state.withLock { $0.hasThread = false }
      Logger(label: "ambit").warning("connections may wait while a worker is stopped: \(error)")
    }
  }

  /// Looks no more. Does not wait for the thread. Without a start it has no effect.
  package func stop() {
    state.withLock { state in (state.sockets, state.isWanted) = ([], false) }
    wakeup.notify()
  }

  /// Looks once: wakes an event loop for each socket at which a connection waits. Does not wait.
  package static func look(at sockets: [ListeningSocket]) {
    for socket in sockets { socket.wakeLoopIfClientsWait() }
  }

  private func run() {
    while true {
      let sockets = state.withLock { state in
        if !state.isWanted { state.hasThread = false }
        return state.isWanted ? state.sockets : nil
      }
      guard let sockets else { return }
      Self.look(at: sockets)
      wakeup.wait(atMost: Self.interval)
    }
  }
}
