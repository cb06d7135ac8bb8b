import Dispatch
package import Foundation
import Glibc
package import Synchronization

/// How a process ended.
package enum ExitStatus: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)
}

/// A process that a test started. It is killed when `limit` is over, so that a test that waits for a line, a response
/// or the end of the process cannot wait for ever.
package final class RunningCommand: Sendable {
  package let pid: pid_t
  private let state = Mutex(State())

  private struct State {
    var status: ExitStatus?
    var waiters: [@Sendable (ExitStatus) -> Void] = []
  }

  /// Starts `command` (searched in `PATH`) with standard input on `/dev/null`, its other streams on the two given
  /// descriptors, which are closed in this process, and no signal blocked.
  package init(
    _ command: String, _ arguments: [String], in folder: URL, environment: [String: String] = [:], output: Int32,
    errors: Int32, limit: Duration = .seconds(600)
  ) throws {
    defer { for end in Set([output, errors]) { close(end) } }
    // Glibc's module does not offer posix_spawn_file_actions_addchdir_np; env becomes the command, with the same
    // number.
    let words = ["env", "-C", folder.filePath, command] + arguments
    pid = try spawn(words, environment, output: output, errors: errors)
    Thread.detachNewThread { self.reap() }
    DispatchQueue.global().asyncAfter(deadline: .now() + (limit / .seconds(1))) { [weak self] in
      self?.signal(SIGKILL)
    }
  }

  /// Sends a signal, unless the process is gone: then its number may belong to another process already.
  package func signal(_ number: Int32) {
    state.withLock { if $0.status == nil { kill(pid, number) } }
  }

  /// How the process ended, nil while it runs.
  package var earlyStatus: ExitStatus? { state.withLock { $0.status } }

  /// Waits for the end.
  package var status: ExitStatus {
    get async {
      await withCheckedContinuation { continuation in whenEnded { continuation.resume(returning: $0) } }
    }
  }

  /// Blocks the thread until the end.
  package func waitForEnd() -> ExitStatus {
    let ended = DispatchSemaphore(value: 0)
    whenEnded { _ in ended.signal() }
    ended.wait()
    return earlyStatus!
  }

  /// Calls `body` when the process has ended, on whichever thread notices, or at once.
  package func whenEnded(_ body: @escaping @Sendable (ExitStatus) -> Void) {
    let known = state.withLock { state in
      if state.status == nil { state.waiters.append(body) }
      return state.status
    }
    if let known { body(known) }
  }

  /// Waits without reaping first, so that `signal` cannot hit another process between the end and the record of it.
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
    for waiter in waiters { waiter(status) }
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
  // A child inherits the mask of the thread that starts it, and the threads that tests run on block most signals.
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
  guard code == 0 else { throw SystemCallError(call: "posix_spawnp \(words[0])", code: code) }
  return pid
}

/// A system call failed with this `errno`.
package struct SystemCallError: Error, CustomStringConvertible {
  package let call: String
  package let code: Int32

  package init(call: String, code: Int32) {
    self.call = call
    self.code = code
  }

  package var description: String { "\(call): \(String(cString: strerror(code))) (errno \(code))" }
}

/// Held while a pipe is made and while a process is started. Glibc's module does not offer `pipe2`, so between `pipe`
/// and `fcntl` another test's child could inherit the ends, and a stray copy of an end keeps the other from seeing its
/// end.
package let descriptorInheritance = Mutex(())

/// A pipe whose ends no child inherits.
package struct PipeEnds {
  package let reading: Int32
  package let writing: Int32

  package init() throws {
    var ends: [Int32] = [-1, -1]
    let result = descriptorInheritance.withLock { _ in
      let result = pipe(&ends)
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return result
    }
    guard result == 0 else { throw SystemCallError(call: "pipe", code: errno) }
    (reading, writing) = (ends[0], ends[1])
  }
}

/// Hands each piece read from `descriptor` to `consume` until the end, then closes it. Blocks.
package func drain(_ descriptor: Int32, _ consume: (ArraySlice<UInt8>) -> Void) {
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 {
      consume(buffer[..<count])
    } else if count == 0 || errno != EINTR {
      break
    }
  }
  close(descriptor)
}
