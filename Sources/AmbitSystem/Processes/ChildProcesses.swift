internal import CLinux
internal import Glibc
internal import Synchronization

/// The processes that this process supervises, and all that they leave behind.
///
/// A thread of its own, `ambit-children`, waits until a child changes, without looking at rest. It tells each supervised
/// process's events, reaps strangers, and kills what a supervised process that has ended had started. It takes no child
/// from `ChildProcess`, `EndableCommands` and `startProcess`.
///
/// For a process without code of plugins, since it handles SIGCHLD. Make one value per process.
package final class ChildProcesses: Sendable {
  struct State {
    /// Those that have not ended, by their numbers.
    var supervised: [Int32: SupervisedProcess] = [:]
    /// Those that have ended and may have left processes behind.
    var departed: [ProcessMark: SupervisedProcess] = [:]
    /// Strangers that were killed and have not ended yet.
    var killed: Set<Int32> = []
    /// Whether the system sets marks that are inherited: then a process without one was not started by a supervised one.
    var hasMarks = false
    /// When the first of all supervised processes began, in clock ticks after the start of the system.
    var firstBeginning: Int64?
    /// Opens when nothing is left. From then on every stranger with a mark is killed.
    var end: Latch<Void>?
  }

  let state = Mutex(State())

  package init() {}

  /// Starts the thread, and makes this process the parent of what its children leave behind: PR_SET_CHILD_SUBREAPER,
  /// prctl(2). Strangers are reaped from now on. Call it once, after `adopt`.
  /// - Throws: if the system has no thread, or no semaphore for it.
  package func begin() throws(SystemError) {
    let code = clinux_watch_children()
    guard code == 0 else { throw SystemError(operation: "cannot watch child processes: sigaction", code: code) }
    clinux_adopt_orphans()
    try SystemThread(for: "child processes") { self.run() }.detach()
  }

  /// Starts a program, in the group and session of this process, with its standard streams and its priority, the default
  /// action for every signal, and no signal blocked. The kernel ends it before this process when memory is short. Waits
  /// until it runs, a few milliseconds.
  /// - Parameters:
  ///   - words: The path of the program, then its arguments.
  ///   - environment: All its variables but `ProcessMark.variable`.
  ///   - descriptors: They become its descriptors 3, 4 and so on. They stay the caller's. The program has no other one,
  ///     except those that this process did not make close-on-exec.
  ///   - onEvent: Called on `ambit-children` for each event, in their order. It must not block; it may call all functions
  ///     of this type but `killAll`.
  package func start(
    _ words: [String], environment: [String: String], descriptors: [Int32],
    onEvent: @escaping @Sendable (ProcessEvent) -> Void
  ) throws(FileError) -> SupervisedProcess {
    let mark = ProcessMark()
    var environment = environment
    environment[ProcessMark.variable] = mark.description
    // Until it is noted, nobody may see it end or judge what it has started.
    let result = state.withLock { state in
      Result { () throws(FileError) in
        let number = try startMarkedProcess(words, environment: environment, descriptors: descriptors, mark: mark)
        return Self.note(SupervisedProcess(number, mark, onEvent), &state)
      }
    }
    let process = try result.get()
    Self.raiseKillPriority(of: process.number)
    return process
  }

  /// Supervises a child that this process has started before it became this program by execve(2), and that has `mark`
  /// since then. Call it before `begin`, for all of them: processes that another one has started are killed.
  package func adopt(
    _ number: Int32, _ mark: ProcessMark, onEvent: @escaping @Sendable (ProcessEvent) -> Void
  ) -> SupervisedProcess {
    OwnChildren.adopt(number)
    return state.withLock { Self.note(SupervisedProcess(number, mark, onEvent), &$0) }
  }

  /// Calls `body` with all supervised processes that have not ended, while none is started or reaped. `body` must
  /// not call functions of this type.
  package func withoutChanges<Value: Sendable>(_ body: ([SupervisedProcess]) -> Value) -> Value {
    state.withLock { body(Array($0.supervised.values)) }
  }

  private static func note(_ process: SupervisedProcess, _ state: inout State) -> SupervisedProcess {
    state.supervised[process.number] = process
    state.hasMarks = state.hasMarks || ProcessMark(ofLimit: process.number) == process.mark
    state.firstBeginning = state.firstBeginning ?? process.beginning
    return process
  }

  /// Kills all supervised processes, and all that they have started. Blocks, at most for `timeout` nanoseconds. Call it
  /// last, when no other thread starts a process any more.
  /// - Returns: whether nothing is left. A process that the kernel cannot end now, as during a read from a dead disk, is.
  package func killAll(within timeout: Int64) -> Bool {
    let end = state.withLock { state in
      for process in state.supervised.values { process.kill() }
      let end = state.end ?? Latch()
      state.end = end
      return end
    }
    clinux_note_child_change()
    return end.wait(timeout: timeout) != nil
  }

  /// The kernel chooses by oom_score_adj, proc_pid_oom_score_adj(5), which all that the process starts inherits.
  private static func raiseKillPriority(of process: Int32) {
    let own = (try? TextFile.read("/proc/self/oom_score_adj")).flatMap { Int($0.prefix { $0 != "\n" }) }
    guard let own, let file = try? OpenFile(writing: "/proc/\(process)/oom_score_adj") else { return }
    try? file.write("\(min(own + killPriorityDistance, 1000))".utf8)
  }

  /// A tenth of the machine's memory, as oom_score_adj counts.
  private static let killPriorityDistance = 100

  private func run() -> Never {
    unsafe clinux_name_thread("ambit-children")
    var timeout: Int64 = 0
    while true {
      clinux_await_child_change(timeout)
      timeout = look() ? Self.rescanTime : .max
    }
  }

  /// After a process has ended or was killed, the thread looks again within so many nanoseconds: a list of children may
  /// leave out some that come while others go.
  private static let rescanTime: Int64 = 20_000_000

  /// Looks at all children once.
  /// - Returns: whether anything has changed, so that it should look again.
  private func look() -> Bool {
    var events: [(process: SupervisedProcess, event: ProcessEvent)] = []
    let hasChanged = state.withLock { state in
      let areAllTaken = OwnChildren.takeTracedChanges { thread, signal in
        guard let number = ProcessTimes.process(ofThread: thread) else { return }
        guard let process = state.supervised[number] else { return _ = Glibc.kill(number, SIGKILL) }
        process.kill()
        events.append((process, .trapped(signal: signal)))
      }
      for process in state.supervised.values {
        while let event = process.nextEvent() {
          events.append((process, event))
          guard case .ended = event else { continue }
          state.supervised[process.number] = nil
          state.departed[process.mark] = process
          break
        }
      }
      let hasChanged = Self.endStrangers(&state) { events.append(($0, $1)) } || !events.isEmpty || !areAllTaken
      if !hasChanged {
        state.departed = [:]
        if state.supervised.isEmpty, state.killed.isEmpty { state.end?.arrive(()) }
      }
      return hasChanged
    }
    for (process, event) in events { process.onEvent(event) }
    return hasChanged
  }
}
