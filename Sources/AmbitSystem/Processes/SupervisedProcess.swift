internal import CLinux
internal import Glibc
internal import Synchronization

/// What has become of a supervised process.
package enum ProcessEvent: Sendable {
  /// It has ended and was reaped. Comes exactly once.
  case ended(ReapedChild)
  /// A signal such as SIGSTOP has stopped it.
  case stopped(signal: Int32)
  /// It goes on after a stop.
  case continued
  /// A signal has stopped a thread of it that is under ptrace(2) of this process, since code in it has called
  /// PTRACE_TRACEME. The process was killed, and `.ended` follows.
  case trapped(signal: Int32)
  /// It had ended and left a process behind, which was killed. `name` is the one that ps(1) shows, at most 15 bytes;
  /// `parent` was the number of the supervised process.
  case killedOrphan(process: Int32, name: String, parent: Int32)
}

/// A process that `ChildProcesses` has started and looks after. From any thread.
package final class SupervisedProcess: Sendable {
  /// Its number. It belongs to no other process before `.ended` has come.
  package let number: Int32
  /// What the processes have that it starts.
  package let mark: ProcessMark
  /// When it began, in clock ticks after the start of the system; nil without /proc.
  let beginning: Int64?
  let onEvent: @Sendable (ProcessEvent) -> Void
  private let hasEnded = Mutex(false)

  init(_ number: Int32, _ mark: ProcessMark, _ onEvent: @escaping @Sendable (ProcessEvent) -> Void) {
    (self.number, self.mark, self.onEvent) = (number, mark, onEvent)
    beginning = ProcessTimes.beginning(of: number)
  }

  /// Sends it a signal. Never reaches another process that has got its number: nobody reaps it meanwhile.
  /// - Returns: false if it has ended.
  @discardableResult
  package func send(_ signal: Int32) -> Bool {
    hasEnded.withLock { !$0 && Glibc.kill(number, signal) == 0 }
  }

  /// Sends SIGKILL, which no process can refuse, also while it is stopped. `.ended` follows.
  package func kill() { send(SIGKILL) }

  /// Asks the system for the next event, without waiting.
  func nextEvent() -> ProcessEvent? {
    hasEnded.withLock { hasEnded in
      switch OwnChildren.look(at: number, WNOHANG | WUNTRACED | WCONTINUED) {
      case .reaped(let child):
        hasEnded = true
        return .ended(child)
      case .stopped(let signal): return .stopped(signal: signal)
      case .continued: return .continued
      case nil: return nil
      }
    }
  }
}
