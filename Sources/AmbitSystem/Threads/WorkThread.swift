internal import CLinux
internal import Synchronization

/// A thread that runs posted work in order and never ends.
public final class WorkThread: Sendable {
  private let pending = Mutex<[@Sendable () -> Void]>([])
  private let wakeup = Wakeup()

  /// Starts it; debuggers show it as `name`. Signals that are blocked in the caller are blocked in it.
  /// - Parameter purpose: what the thread is for, in the error.
  /// - Throws: if the system has no more threads.
  public init(for purpose: String, name: String) throws(SystemError) {
    try SystemThread(for: purpose) {
      unsafe clinux_name_thread(name)
      self.run()
    }.detach()
  }

  /// Runs `work` on the thread after all work that was posted before. From any thread; does not wait.
  public func post(_ work: @escaping @Sendable () -> Void) {
    pending.withLock { $0.append(work) }
    wakeup.notify()
  }

  private func run() -> Never {
    while true {
      wakeup.wait()
      let work = pending.withLock { pending in
        defer { pending = [] }
        return pending
      }
      for item in work { item() }
    }
  }
}
