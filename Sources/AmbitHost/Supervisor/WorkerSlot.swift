internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// The place of one worker among the workers of a host: a thread that starts the worker, waits for its end, and starts
/// another one in its place.
///
/// Every end that the supervisor did not order counts as a crash. After a crash the next worker starts at once; after
/// further ones, later and later: see `RestartPolicy`.
final class WorkerSlot: Sendable {
  /// What the slot's thread waits for.
  enum Event: Sendable {
    case process(ProcessEvent, of: WorkerProcess.ID)
    case disconnected(WorkerProcess.ID)
    /// Another worker is to take the place of this one, without a break.
    case replace(Replacement)
    /// The next worker is to start at once: what it is to serve may have changed.
    case retry
    /// The worker is to end, and no other one is to start.
    case stop
  }

  /// An order to replace the worker.
  struct Replacement: Sendable {
    let settings: WorkerSettings
    /// Also a worker is replaced that was started with the same values, if what it served first is older than this
    /// version of the service; nil: none is.
    let version: Int?
    let reason: String
    /// Opens when another worker serves, or with the reason why it does not.
    let done: Latch<HostError?>
  }

  /// What the status shows.
  struct Status: Sendable {
    var phase = WorkerPhase.starting
    /// Of the present worker, or else of the last one; nil before the first.
    var pid: Int32?
    /// When the phase began: nanoseconds since 1970.
    var since = Clock.wall
    var crashes = 0
  }

  /// From 1.
  let index: Int
  let children: ChildProcesses
  let settings: Mutex<WorkerSettings>
  unowned let group: WorkerGroup
  let logger = Logger(label: "ambit")
  /// Opens with the first worker that serves, or with the reason why it does not.
  let firstStart = Latch<HostError?>()
  /// Opens when no worker of this place is left and none will start, with the labels of the generations that still ran in
  /// them.
  let ended = Latch<[String]>()
  private let inbox = Mutex<[Event]>([])
  private let wakeup = Wakeup()
  private let shown = Mutex(Status())
  private let living = Mutex(Living())
  /// What came while no worker served: the next one that starts decides about it.
  let pending = Mutex<Replacement?>(nil)

  private struct Living {
    /// All processes of this place that have not ended: at most one serves, another may start, others drain.
    var workers: [WorkerProcess] = []
    var lastID: WorkerProcess.ID = 0
    /// Those without a worker between them that has served for `crash_window`.
    var recentCrashes = 0
    /// The last crash was the fault of a plugin that the next worker does not run.
    var isCauseGone = false
    /// When the present worker began to serve, in monotonic nanoseconds; nil while none serves.
    var servingSince: Int64?
    var deadline: ShutdownDeadline?
    /// Why they end.
    var reason = Leaving.Reason.shutdown
  }

  init(_ index: Int, _ settings: WorkerSettings, children: ChildProcesses, in group: WorkerGroup) {
    (self.index, self.children, self.group) = (index, children, group)
    self.settings = Mutex(settings)
  }

  /// Starts the thread, and by it the first worker. Does not wait: see `firstStart`.
  /// - Throws: if the system has no more threads.
  func start() throws(HostError) {
    do throws(SystemError) {
      try SystemThread(for: "worker \(index)") { self.run() }.detach()
    } catch {
      throw HostError(error)
    }
  }

  /// Makes another worker take the place of the present one, which finishes its requests. If it does not start, the
  /// present one serves on, and later ones are started as it was. From any thread; does not wait.
  /// - Parameters:
  ///   - version: a worker that was started with the same values is replaced, too, if what it served first is older
  ///     than this version of the service; nil: it is not.
  ///   - done: opens when another worker serves, or with the reason why it does not.
  func replace(
    by settings: WorkerSettings, before version: Int?, because reason: String, then done: Latch<HostError?>
  ) {
    put(.replace(Replacement(settings: settings, version: version, reason: reason, done: done)))
  }

  /// Makes the next worker start at once if the delay after a crash is not over. From any thread; does not wait.
  func retry() {
    if status.phase == .crashed { put(.retry) }
  }

  /// Whether its workers crash again and again: three have, and none has served for a second since. From any thread.
  var isCrashing: Bool {
    living.withLock { living in
      guard living.recentCrashes >= 3 else { return false }
      return living.servingSince.map { Clock.monotonic - $0 < 1_000_000_000 } ?? true
    }
  }

  /// Ends all workers of this place within the deadline, and starts no other one. From any thread; does not wait: see
  /// `ended`.
  func stop(by deadline: ShutdownDeadline, because reason: Leaving.Reason = .shutdown) {
    living.withLock { ($0.deadline, $0.reason) = (deadline, reason) }
    put(.stop)
  }

  /// Notes that all workers of this place are about to be killed: that is no crash. From any thread.
  func noteKill() { for worker in workers { worker.noteKill() } }

  /// Ends all workers of this place at once. From any thread.
  func kill() { for worker in workers { worker.kill() } }

  /// When all workers of this place have to have ended; nil if the host does not stop.
  var deadline: ShutdownDeadline? { living.withLock { $0.deadline } }

  /// Why the workers of this place end.
  var reasonOfEnd: Leaving.Reason { living.withLock { $0.reason } }

  var status: Status { shown.withLock { $0 } }
}

// For the slot's thread, and for those that tell it what has happened.

extension WorkerSlot {
  /// All processes of this place that have not ended.
  var workers: [WorkerProcess] { living.withLock { $0.workers } }

  /// A number for the next worker of this place.
  func makeID() -> WorkerProcess.ID {
    living.withLock { living in
      living.lastID += 1
      return living.lastID
    }
  }

  func add(_ worker: WorkerProcess) { living.withLock { $0.workers.append(worker) } }

  func remove(_ worker: WorkerProcess) { living.withLock { $0.workers.removeAll { $0 === worker } } }

  func put(_ event: Event) {
    inbox.withLock { $0.append(event) }
    wakeup.notify()
  }

  /// Waits for the next event, at most until `end`, in monotonic nanoseconds.
  func next(until end: Int64) -> Event? {
    while true {
      if let event = inbox.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return event }
      let left = end == .max ? -1 : max(end - Clock.monotonic, 0)
      if left == 0 { return nil }
      wakeup.wait(atMost: left)
    }
  }

  func enter(_ phase: WorkerPhase, pid: Int32? = nil) {
    shown.withLock { status in
      (status.phase, status.since) = (phase, Clock.wall)
      if let pid { status.pid = pid }
    }
    living.withLock { $0.servingSince = phase == .serving ? Clock.monotonic : nil }
  }

  /// Takes note of the death of a worker of this place.
  func note(_ death: Death) {
    let isCauseGone = group.faults.note(death)
    living.withLock { $0.isCauseGone = isCauseGone }
  }

  /// Whether the next worker does not run what was to blame for the last crash. The next call returns false.
  func takeCauseGone() -> Bool {
    living.withLock { living in
      defer { living.isCauseGone = false }
      return living.isCauseGone
    }
  }

  func inherit(crashes: Int) { shown.withLock { $0.crashes = crashes } }

  /// - Parameter recent: how many there are now without a worker between them that has served for `crash_window`.
  func countCrash(recent: Int) {
    shown.withLock { $0.crashes += 1 }
    living.withLock { $0.recentCrashes = recent }
    group.onChange.withLock { $0 }()
  }
}
