import Dispatch
import Foundation
import Glibc
import Synchronization

/// How a process ended.
enum ExitStatus: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)
}

/// A process that a test started. It is killed when `limit` is over, so that nothing a test waits for, be it a line, an
/// answer or the end itself, can be waited for without end.
final class Child: Sendable {
  let pid: pid_t
  private let state = Mutex(State())

  private struct State {
    var status: ExitStatus?
    var waiters: [CheckedContinuation<ExitStatus, Never>] = []
  }

  /// Starts `command` (searched in `PATH`) with its standard streams on `/dev/null` and the two given descriptors,
  /// which are closed in this process.
  init(
    _ command: String, _ arguments: [String], in directory: URL, environment: [String: String] = [:], output: Int32,
    errors: Int32, limit: DispatchTimeInterval = .seconds(60)
  ) throws {
    defer { for end in Set([output, errors]) { close(end) } }
    // Glibc's module does not offer posix_spawn_file_actions_addchdir_np; env becomes the command, with the same number.
    let words = ["env", "-C", directory.filePath, command] + arguments
    // Without it a host would keep last good copies where the user's own hosts do.
    let state = ["STATE_DIRECTORY": directory.appending(path: "state").filePath]
    pid = try spawn(words, state.merging(environment) { $1 }, output: output, errors: errors)
    Thread.detachNewThread { self.reap() }
    DispatchQueue.global().asyncAfter(deadline: .now() + limit) { [weak self] in self?.signal(SIGKILL) }
  }

  /// Sends a signal, unless the process is gone: then the number may already be another's.
  func signal(_ number: Int32) {
    state.withLock { if $0.status == nil { kill(pid, number) } }
  }

  /// How the process ended, nil while it runs.
  var earlyStatus: ExitStatus? { state.withLock { $0.status } }

  /// Waits for the end.
  var status: ExitStatus {
    get async {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state in
          if state.status == nil { state.waiters.append(continuation) }
          return state.status
        }
        if let known { continuation.resume(returning: known) }
      }
    }
  }

  /// Waits without reaping first, so that `signal` cannot hit a stranger between the end and the record of it.
  private func reap() {
    var ending = siginfo_t()
    while waitid(P_PID, id_t(pid), &ending, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
    let (status, waiters) = state.withLock { state in
      var raw: Int32 = 0
      waitpid(pid, &raw, 0)
      let status = raw & 0x7f == 0 ? ExitStatus.exited(raw >> 8 & 0xff) : .signalled(raw & 0x7f)
      state.status = status
      defer { state.waiters = [] }
      return (status, state.waiters)
    }
    for waiter in waiters { waiter.resume(returning: status) }
  }
}

private func spawn(_ words: [String], _ environment: [String: String], output: Int32, errors: Int32) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
  var unblocked = sigset_t()
  sigemptyset(&unblocked)
  posix_spawnattr_setsigmask(&attributes, &unblocked)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

  let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  var argv = words.map { strdup($0) } + [nil]
  var envp = merged.map { strdup("\($0)=\($1)") } + [nil]
  defer { for string in argv + envp { free(string) } }
  var pid: pid_t = 0
  let code = descriptorInheritance.withLock { _ in
    posix_spawnp(&pid, words[0], &actions, &attributes, &argv, &envp)
  }
  guard code == 0 else { throw HarnessError.system(call: "posix_spawnp \(words[0])", code: code) }
  return pid
}
