public import AmbitSystem
internal import CLinux
internal import Synchronization

/// A thread that runs what it is given, one piece of work after the other, and never ends.
public final class WorkThread: Sendable {
  private let pending = Mutex<[@Sendable () -> Void]>([])
  private let wakeup = Wakeup()

  /// Starts it; debuggers show it as `name`. Signals that are blocked in the caller are blocked in it.
  /// - Throws: if the system has no more threads; `purpose` is what the thread would have been for.
  public init(for purpose: String, name: String) throws(SystemError) {
    try SystemThread(for: purpose) {
      clinux_name_thread(name)
      self.run()
    }.detach()
  }

  /// Has `work` run behind all that was posted before. From any thread; does not wait.
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
