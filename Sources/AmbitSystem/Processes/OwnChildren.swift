internal import CLinux
internal import Glibc
internal import Synchronization

/// The children that this process has started itself and not reaped. All other children are strangers: processes that
/// have come to this one when their parent ended, and those that it had before it became this program by execve(2).
///
/// Who has started a child reaps it, and nobody else does.
package enum OwnChildren {
  private static let numbers = Mutex<Set<Int32>>([])

  /// Calls `start`, which starts a process and returns its number, and notes that before anyone can take it for a
  /// stranger. Waits for other starts.
  static func starting<Failure: Error>(_ start: () throws(Failure) -> Int32) throws(Failure) -> Int32 {
    let result = numbers.withLock { numbers in
      let result = Result { () throws(Failure) in try start() }
      if case .success(let number) = result { numbers.insert(number) }
      return result
    }
    return try result.get()
  }

  /// Notes a child that was started before this process became this program.
  static func adopt(_ number: Int32) { numbers.withLock { _ = $0.insert(number) } }

  /// Waits until a child of this process has ended, and reaps it. Blocks.
  /// - Returns: nil if the system does not tell how it ended, because SIGCHLD is ignored.
  package static func reap(_ number: Int32) -> ReapedChild? {
    // Its number is its own until it is reaped, so it cannot be that of another child when it is forgotten below.
    while waitid(P_PID, id_t(number), nil, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    if case .reaped(let child) = look(at: number, WNOHANG) { return child }
    forget(number)
    return nil
  }

  private static func forget(_ number: Int32) { numbers.withLock { _ = $0.remove(number) } }

  /// What wait4(2) tells about a child of this process.
  enum Change {
    case reaped(ReapedChild)
    case stopped(Int32)
    case continued
  }

  /// Asks once whether a child of this process has changed, and reaps it if it has ended. Does not wait.
  /// - Parameter options: of wait4(2), with WNOHANG.
  /// - Returns: nil if it has not changed.
  static func look(at number: Int32, _ options: Int32) -> Change? {
    numbers.withLock { numbers in
      var (status, usage) = (Int32(0), rusage())
      guard unsafe wait4(number, &status, options, &usage) == number else { return nil }
      if status == 0xffff { return .continued }
      if status & 0xff == 0x7f { return .stopped(status >> 8 & 0xff) }
      numbers.remove(number)
      return .reaped(ReapedChild(end: ProcessEnd(status: status), usage: ProcessUsage(usage)))
    }
  }

  /// Looks after threads that are under ptrace(2) of this process, because code in a child has called PTRACE_TRACEME.
  /// Reaps those that have ended: the kernel does not tell the end of a process before.
  /// - Parameter body: called with each thread that a signal has stopped, and the signal. It goes on only if this process
  ///   lets it, or kills its process.
  /// - Returns: false if there may be more, which a child of this process that has ended hides until it is reaped.
  static func takeTracedChanges(_ body: (_ thread: Int32, _ signal: Int32) -> Void) -> Bool {
    numbers.withLock { numbers in
      while true {
        var signal: Int32 = 0
        let thread = unsafe clinux_traced_change(&signal)
        guard thread > 0 else { return true }
        if signal == 0, numbers.contains(thread) { return false }
        clinux_take_traced_change(thread)
        if signal != 0 { body(thread, signal) }
      }
    }
  }

  /// Calls `body` with each stranger among the children of this process; only `body` may reap it.
  /// - Returns: false if the system does not list the children.
  static func forEachStranger(_ body: (Int32) -> Void) -> Bool {
    numbers.withLock { numbers in
      // A process whose parent has ended comes to the main thread: proc_pid_children(5).
      guard let list = try? TextFile.read("/proc/self/task/\(getpid())/children") else { return false }
      for number in list.split(separator: " ").compactMap({ Int32($0) }) where !numbers.contains(number) {
        body(number)
      }
      return true
    }
  }

  /// Reaps the strangers that have ended, where the system does not list them.
  /// - Returns: false if there may be more, which a child of this process that has ended hides until it is reaped.
  static func reapUnlistedStrangers() -> Bool {
    numbers.withLock { numbers in
      while true {
        let number = clinux_ended_child()
        guard number > 0 else { return true }
        if numbers.contains(number) { return false }
        waitpid(number, nil, WNOHANG)
      }
    }
  }
}

/// A child process that has ended and was reaped.
package struct ReapedChild: Sendable {
  package let end: ProcessEnd
  package let usage: ProcessUsage
}

/// What a process that has ended has used, together with its children that it has waited for: getrusage(2).
package struct ProcessUsage: Equatable, Sendable {
  /// Processor time in the program and in the system, in nanoseconds.
  package let processorTime: Int64
  /// The most memory that was resident at a time, in bytes.
  package let peakMemory: Int64

  init(_ usage: rusage) {
    processorTime = [usage.ru_utime, usage.ru_stime].reduce(0) {
      $0 + Int64($1.tv_sec) * 1_000_000_000 + Int64($1.tv_usec) * 1000
    }
    peakMemory = Int64(usage.ru_maxrss) * 1024
  }
}
