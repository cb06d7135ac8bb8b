internal import AmbitSystem
internal import CFiber
internal import CLinux

// Lifecycle calls of plugins: `start`, `save` and `stop`. Each has a thread of its own. One that hangs keeps its
// thread, its scope and its library for ever, so the watchdog names it.

/// A lifecycle call, as reports name it.
struct LifecycleCall: Sendable {
  /// Such as "stop".
  let name: String
  /// Plugin and generation, as in "hello/3".
  let plugin: String
  /// An address in the library of the plugin.
  let origin: UInt
  /// After so many nanoseconds the call is reported.
  let limit: Int64
}

/// A lifecycle call that has not returned in time, or has returned at last: a copy.
struct OverdueCall: Sendable {
  let call: LifecycleCall
  /// How long it has run, in nanoseconds.
  let age: Int64
  /// The kernel's number of its thread; nil if the thread has not begun.
  let thread: Int32?
}

/// A thread that a pool starts for one lifecycle call.
final class CallThread: @unchecked Sendable {
  let work: PoolWork
  private let call: LifecycleCall
  private let pool: ThreadPool
  private let began = Clock.monotonic
  /// The kernel's number; nil before it runs. Guarded by the pool's lock.
  var number: Int32?
  /// The call has been reported. Guarded by the pool's lock.
  fileprivate var isReported = false

  init(of pool: ThreadPool, _ call: LifecycleCall, _ work: PoolWork) {
    (self.pool, self.call, self.work) = (pool, call, work)
  }

  /// - Throws: if the system has no more threads.
  func start() throws(SystemError) {
    try SystemThread(for: "a call", { self.run() }).detach()
  }

  private func run() {
    clinux_name_thread("ambit-pool")
    pool.began(self, number: cfiber_thread_number())
    work.run()
    pool.ended(self)
  }

  fileprivate var isOverdue: Bool { Clock.monotonic - began >= call.limit }

  fileprivate var overdue: OverdueCall {
    OverdueCall(call: call, age: Clock.monotonic - began, thread: number)
  }
}

extension ThreadPool {
  /// Starts a thread that makes the call; false if the system has none. Under the lock.
  func start(_ call: LifecycleCall, _ work: PoolWork) -> Bool {
    let thread = CallThread(of: self, call, work)
    do throws(SystemError) {
      try thread.start()
      calls.append(thread)
      return true
    } catch {
      shortage.note(error, threads: 0)
      return false
    }
  }

  /// The thread has begun; `number` is the kernel's. On that thread.
  fileprivate func began(_ thread: CallThread, number: Int32) { withLock { thread.number = number } }

  /// The thread ends. On that thread.
  fileprivate func ended(_ thread: CallThread) {
    withLock {
      calls.removeAll { $0 === thread }
      if thread.isReported { lateCalls.append(thread.overdue) }
    }
  }

  /// The lifecycle calls to be reported: those that have become overdue, and overdue ones that have returned, each
  /// once. For the watchdog.
  func callNews() -> (overdue: [OverdueCall], returned: [OverdueCall]) {
    withLock {
      var news: (overdue: [OverdueCall], returned: [OverdueCall]) = ([], lateCalls)
      lateCalls = []
      for thread in calls where !thread.isReported && thread.isOverdue {
        thread.isReported = true
        news.overdue.append(thread.overdue)
      }
      return news
    }
  }
}
