internal import Glibc
internal import Synchronization

/// Runs commands, one after the other, that another thread can end together with the processes that they start: each has
/// a process group of its own. A terminal's Ctrl-C does not reach them, so the owner must end them.
package final class EndableCommands: Sendable {
  private struct State {
    /// The process id of the running command, which is the id of its group. It is not reaped, so nobody else has the id.
    var running: pid_t?
    var isEnded = false
  }

  private let state = Mutex(State())

  package init() {}

  /// Runs a command as `ChildProcess` does. Blocks until it has ended.
  /// - Returns: whether it exited with status 0; false, without a start, after `end`.
  /// - Throws: if it cannot be started.
  package func run(_ arguments: [String]) throws(FileError) -> Bool {
    guard let id = try start(arguments) else { return false }
    while waitid(P_PID, id_t(id), nil, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    state.withLock { state in
      state.running = nil
      // A compiler's driver may end before the compiler.
      if state.isEnded { _ = Glibc.kill(-id, SIGKILL) }
    }
    return OwnChildren.reap(id)?.end == .exited(0)
  }

  private func start(_ arguments: [String]) throws(FileError) -> pid_t? {
    try state.withLock { (state) throws(FileError) -> pid_t? in
      guard !state.isEnded else { return nil }
      state.running = try ChildProcess.start(arguments, inOwnGroup: true)
      return state.running
    }
  }

  /// Tells the running command to end, by SIGTERM, and starts no other one. From any thread.
  /// - Returns: whether a command runs.
  package func end() -> Bool { end(by: SIGTERM) }

  /// Ends the running command by SIGKILL, and starts no other one. From any thread.
  package func kill() { _ = end(by: SIGKILL) }

  private func end(by signal: Int32) -> Bool {
    state.withLock { state in
      state.isEnded = true
      guard let id = state.running else { return false }
      _ = Glibc.kill(-id, signal)
      return true
    }
  }
}
