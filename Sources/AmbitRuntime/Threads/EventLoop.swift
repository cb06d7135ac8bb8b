public import AmbitSystem
internal import CCrash
internal import CLinux
public import CAmbit

/// A loop with its thread, as other threads hold it.
public final class EventLoop: @unchecked Sendable {
  /// The loop's own record; only code that runs on the loop may look into it.
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

  /// Makes one of `count` loops; it does nothing until `start`. `api` outlives it; `isChecked` says that it is one of
  /// checked mode. Of `threadName` debuggers show the first 15 bytes.
  public init(
    index: Int, of count: Int = 1, threadName: String = "ambit-loop", api: UnsafePointer<ambit_api>,
    isChecked: Bool = false, limits: RuntimeLimits, pool: ThreadPool = ThreadPool()
  ) throws(SystemError) {
    self.threadName = threadName
    mailbox = try Mailbox()
    self.pool = pool
    record = .allocate(capacity: 1)
    try record.initialize(
      index: index, of: count, api: api, isChecked: isChecked, limits: limits, mailbox: mailbox, pool: pool)
    mail = .allocate(capacity: 1)
    let watch = IOWatch { watch, _ in
      let mail = watch.assumingMemoryBound(to: MailWatch.self)
      mail.pointee.mailbox._withUnsafeGuaranteedRef { $0.deliver(to: mail.pointee.loop) }
    }
    mail.initialize(to: MailWatch(watch: watch, mailbox: .passUnretained(mailbox), loop: record))
    try record.watch(mailbox.descriptor, mail.pointer(to: \.watch)!, for: IOEvents.rings)
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

  /// Runs `work` on the loop, in one of its next turns. From any thread; does not wait.
  public func post(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    mailbox.post(work)
  }

  /// The same for work that ends scopes or moves their deadlines, and runs no code of a plugin: a job that computes,
  /// and asks whether it is cancelled, finds it done although the loop does not turn.
  public func postUrgent(_ work: @escaping @Sendable (LoopPointer) -> Void) {
    mailbox.postUrgent(work)
  }

  /// Ends the loop's thread after its present turn, and waits for that. Not from a loop.
  public func stop() {
    guard let thread else { return }
    post { $0.pointee.isStopping = true }
    thread.join()
    self.thread = nil
  }
}
