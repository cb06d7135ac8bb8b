public import AmbitSystem
public import CAmbit
internal import CCrash
internal import CLinux
internal import Synchronization

/// A loop and its thread, as other threads see them.
public final class EventLoop: @unchecked Sendable {
  /// The loop's own record. Only code that runs on the loop may read or write it.
  public let record: LoopPointer
  private let mailbox: Mailbox
  private let pool: ThreadPool
  private let threadName: String
  private let mail: UnsafeMutablePointer<MailWatch>
  private var thread: SystemThread?

  /// The mailbox's registration with the loop.
  private struct MailWatch {
    var watch: IOWatch
    let mailbox: Unmanaged<Mailbox>
    let loop: LoopPointer
  }

  /// Makes one of `count` loops, which does nothing until `start`. `api` must outlive it; `isChecked` says that `api`
  /// is a table of checked mode. Debuggers show the first 15 bytes of `threadName`.
  public init(
    index: Int, of count: Int = 1, threadName: String = "ambit-loop", api: UnsafePointer<ambit_api>,
    isChecked: Bool = false, limits: RuntimeLimits, pool: ThreadPool = ThreadPool()
  ) throws(SystemError) {
    self.threadName = threadName
    mailbox = try Mailbox()
    self.pool = pool
    record = LoopPointer.placed(index) ?? .allocate(capacity: 1)
    try record.initialize(
      index: index, of: count, api: api, isChecked: isChecked, limits: limits, mailbox: mailbox, pool: pool)
    mail = .allocate(capacity: 1)
    let watch = IOWatch { watch, _ in
      let mail = watch.assumingMemoryBound(to: MailWatch.self)
      mail.pointee.mailbox._withUnsafeGuaranteedRef { $0.deliver(to: mail.pointee.loop) }
    }
    mail.initialize(to: MailWatch(watch: watch, mailbox: .passUnretained(mailbox), loop: record))
    try record.watch(mailbox.descriptor, mail.pointer(to: \.watch)!, for: IOEvents.wakeup)
  }

  /// Starts the loop's thread. Signals that are blocked in the caller are blocked in it.
  public func start() throws(SystemError) {
    thread = try SystemThread(for: "a loop") { self.main() }
  }

  private func main() {
    clinux_name_thread(threadName)
    ccrash_note_thread(record)
    record.run()
    ccrash_note_thread(nil)
  }

  /// Runs `work` on the loop in one of its next turns. From any thread; does not wait.
  public func post(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    mailbox.post(work)
  }

  /// The same for work that ends scopes or moves their deadlines and runs no plugin code. It takes effect even while a
  /// job computes on the loop, when that job asks whether it is cancelled.
  public func postUrgent(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    mailbox.postUrgent(work)
  }

  /// Ends the loop's thread after its present turn and waits for the end. Not from a loop.
  public func stop() {
    guard let thread else { return }
    post { $0.pointee.isStopping = true }
    thread.join()
    self.thread = nil
  }
}

/// Shows the watchdog whether a loop makes progress. Only the loop writes it, with plain stores.
public struct Heartbeat: ~Copyable {
  /// When the present turn began (monotonic, nanoseconds); 0 while the loop sleeps or does not run.
  let turnBegan = Atomic<Int64>(0)
  /// The kernel's number of the loop's thread; 0 before it runs.
  let thread = Atomic<Int32>(0)
}

typealias HeartbeatPointer = UnsafeMutablePointer<Heartbeat>

extension UnsafeMutablePointer<Heartbeat> {
  /// The heartbeat of a loop that does not run yet. Never freed, so that the watchdog may read it at any time.
  static func make() -> HeartbeatPointer {
    let heartbeat = HeartbeatPointer.allocate(capacity: 1)
    heartbeat.initialize(to: Heartbeat())
    return heartbeat
  }

  @inline(__always)
  func endTurn() { pointee.turnBegan.store(0, ordering: .relaxed) }

  @inline(__always)
  func beginTurn(at now: Int64) { pointee.turnBegan.store(now, ordering: .relaxed) }
}
