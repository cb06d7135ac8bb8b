internal import AmbitCore
internal import CAmbit
internal import CFiber

/// One piece of straight-line work on a loop: the host's job that runs handlers, or a job that a plugin spawned.
///
/// A job runs on a fiber of its loop and has a stack from its first turn to its return. It belongs to one scope for
/// life, except a job that runs handlers, which belongs to the scope of its present request. Only its loop touches it.
public struct Job {
  /// In the list of waiters of the thing that the job waits for.
  var source: Link
  var state = JobState.created
  var outcome = Outcome.completed
  /// What the job waits for, or waited for last.
  var waitKind = WaitKind.yield
  /// Why the job itself was cancelled, and not with its scope; `none` if it was not. Its waits fail then.
  var cancelCause = Cause.none
  var traits: JobTraits = []
  public var cancellation = CancellationState()
  private var waitStatusByte: Int8 = 0
  /// The kind of work that the loop's mark shows while the job runs. A job that runs handlers keeps theirs between them:
  /// its scope is the host's then, whose mark names nobody.
  public var markKind = WorkMark.Kind.job
  var code: Int32 = 0

  public var loop: LoopPointer
  public var scope: ScopePointer
  /// What the job runs, and what the loop does for it.
  var kind: JobKindPointer
  /// The record at the top of the job's stack; nil while it has no stack. The job's `JobStackState` lies right below.
  var fiber: UnsafeMutablePointer<cfiber>?

  /// In `scope.jobs` until the job has ended; then in `scope.endedJobs` if the plugin holds its handle.
  var sibling: Link
  /// In `waiters` of the scope whose end cancels the present wait.
  var waiter: Link
  var function: ambit_job_fn?
  var argument: UnsafeMutableRawPointer?
  var onEnd: (@convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void)?
  /// State that few jobs have; nil if this job has none of it. Owned.
  var coldState: UnsafeMutablePointer<JobColdState>?

  /// Ends the present wait when its timeout passes; in a ticker, starts the next tick.
  var waitTimer: Timer
  /// When the job was made: monotonic nanoseconds, as of that turn of the loop.
  let madeAt: Int64
  /// When a ticker runs again; not used by other jobs.
  var ticks = TickSchedule.none
}

/// Properties of a job that are known when it is made.
struct JobTraits: OptionSet {
  let rawValue: UInt8

  /// It runs on a thread of the pool.
  static var usesThread: JobTraits { JobTraits(rawValue: 1) }
  /// The job makes a C call. Its argument is the `ForeignCall`, which it owns.
  static var isCall: JobTraits { JobTraits(rawValue: 2) }
  /// The record stands for a hook that runs on a thread: see `Job.isHook`.
  static var isHook: JobTraits { JobTraits(rawValue: 4) }
  /// The job's hook runs on a thread of the pool.
  static var endsOnThread: JobTraits { JobTraits(rawValue: 8) }
  /// The job gets its first turn even if its scope has been cancelled.
  static var startsAlways: JobTraits { JobTraits(rawValue: 16) }
  /// The plugin has the job's handle, so the record lives until the scope closes.
  static var isHeld: JobTraits { JobTraits(rawValue: 32) }
  /// Code in Swift runs as the job, on a fiber: see `SwiftThreadState`.
  static var takesThreadState: JobTraits { JobTraits(rawValue: 64) }
  /// The job runs in one worker at a time: `AMBIT_JOB_ONCE`.
  static var isOnce: JobTraits { JobTraits(rawValue: 128) }

  // Without optimisation an array literal would allocate for each job.
  /// The job may not begin on a stack of its loop at its first turn.
  static var startsElsewhere: JobTraits { JobTraits(rawValue: usesThread.rawValue | isOnce.rawValue) }
  /// The job's hook runs on a thread, or others wait for the end of the job: see `OnceJobs`.
  static var endsElsewhere: JobTraits { JobTraits(rawValue: endsOnThread.rawValue | isOnce.rawValue) }
}

extension Job {
  /// `ambit_every` made the job.
  var isTicker: Bool { ticks.interval > 0 }

  /// The record is no job: a hook that runs on a thread makes its calls under this name. The hook must not wait.
  var isHook: Bool { traits.contains(.isHook) }

  /// The job itself was cancelled, and not with its scope.
  @inline(__always) var isCancelled: Bool { cancelCause != .none }

  /// The lowest address of the job's stack; nil while it has none.
  var stack: UnsafeMutableRawPointer? { fiber?.pointee.stack_low }

  /// The status that the last wait returned. It is one of the host's own statuses, which fit into a byte.
  var waitStatus: Status {
    @inline(__always) get { Status(rawValue: Int32(waitStatusByte)) }
    @inline(__always) set { waitStatusByte = Int8(truncatingIfNeeded: newValue.rawValue) }
  }

  /// The value of a job at `address` that has not run, is in no list, and is not counted by its scope.
  @inline(__always)
  public init(at address: JobPointer, loop: LoopPointer, scope: ScopePointer, kind: JobKindPointer) {
    source = Link(alone: address.sourceLink)
    sibling = Link(alone: address.siblingLink)
    waiter = Link(alone: address.waiterLink)
    waitTimer = Timer(at: address.waitTimer, fire: waitTimedOut)
    self.loop = loop
    self.scope = scope
    self.kind = kind
    madeAt = loop.pointee.now
  }
}

public typealias JobPointer = UnsafeMutablePointer<Job>

enum JobState: Codable {
  /// It has had no turn yet, and has no stack.
  case created
  /// It is in the ready queue and has a stack.
  case ready
  case running
  case suspended
  /// It is in a wait that a cancel does not end.
  case blocked
  /// Its function runs on a thread of the pool.
  case onThread
  case ended
  /// In checked mode: its scope has closed, so the plugin must not use its handle any more.
  case forgotten
}

extension UnsafeMutablePointer<Job> {
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var waiterLink: LinkPointer { pointer(to: \.waiter)! }
  @inline(__always) var sourceLink: LinkPointer { pointer(to: \.source)! }
  @inline(__always) var waitTimer: TimerPointer { pointer(to: \.waitTimer)! }

  /// The job whose field `waiter` the node is.
  @inline(__always)
  static func of(waiter link: LinkPointer) -> JobPointer {
    link.record(Job.self, at: MemoryLayout<Job>.offset(of: \.waiter)!)
  }

  /// The job whose field `source` the node is.
  @inline(__always)
  static func of(source link: LinkPointer) -> JobPointer {
    link.record(Job.self, at: MemoryLayout<Job>.offset(of: \.source)!)
  }

  /// The job whose field `sibling` the node is.
  @inline(__always)
  static func of(sibling link: LinkPointer) -> JobPointer {
    link.record(Job.self, at: MemoryLayout<Job>.offset(of: \.sibling)!)
  }
}

/// State that a job needs only while it has a stack. It lies at the top of the stack, right below the fiber's record,
/// in a page that is in memory anyway.
struct JobStackState {
  /// The message that the job waits to send, or has received, through a channel.
  var message: UnsafeMutableRawPointer?
  /// When the present or the last wait began: monotonic nanoseconds, as of that turn of the loop.
  var waitingSince: Int64 = 0
}

extension UnsafeMutablePointer<Job> {
  /// The stack-resident state. The job has a stack.
  @inline(__always)
  var stackState: UnsafeMutablePointer<JobStackState> {
    (UnsafeMutableRawPointer(pointee.fiber!) - MemoryLayout<JobStackState>.size).assumingMemoryBound(
      to: JobStackState.self)
  }

  /// When the present or the last wait began: monotonic nanoseconds. A ticker without a stack has waited since its last
  /// tick was due, another job without one since it was made.
  var waitingSince: Int64 {
    guard pointee.fiber == nil else { return stackState.pointee.waitingSince }
    guard pointee.isTicker else { return pointee.madeAt }
    return max(pointee.ticks.due &- pointee.ticks.interval, pointee.madeAt)
  }
}

// Which job makes a call, and what it runs.

extension UnsafeMutablePointer<Scope> {
  /// The job that runs on the scope's loop; nil on another thread, or while no job runs. Public, and a function of its
  /// own, so that callers in other modules have the rest of `HostCall.asJob` in place.
  @inline(__always)
  public var runningJob: JobPointer? { isOnThisThread ? pointee.loop.pointee.current : nil }

  /// Whether this is the thread of the scope's loop.
  // Compares numbers: a comparison of optional pointers takes twice as long.
  @inline(__always)
  var isOnThisThread: Bool { UInt(bitPattern: cfiber_loop()) == UInt(bitPattern: pointee.loop) }
}

extension UnsafeMutablePointer<Job> {
  /// The job on whose behalf the calling thread runs: the running job of a loop, or the job that a pool thread works
  /// for. Nil if there is none. From any thread.
  public static var ofThisThread: JobPointer? {
    if let loop = LoopPointer.ofThisThread { return loop.pointee.current }
    return cfiber_work()?.assumingMemoryBound(to: Job.self)
  }

  /// Whether it runs the handler of the request whose scope this is; a plugin's `start`, `stop` or `save` is a job.
  func isHandler(of scope: ScopePointer) -> Bool {
    scope.pointee.handlerJob == self && scope.pointee.kind == .request
  }

  /// The job, which is running, runs the handler of `scope` from now on.
  @inline(__always)
  public func handlerBegins(in scope: ScopePointer) {
    pointee.markKind = .handler
    pointee.loop.pointee.mark = scope.pointee.mark.with(.handler)
  }

  /// The job has run the handler of `scope`, whose shield and delays end with it; `handlerIsDone` follows.
  @inline(__always)
  public func handlerReturned(in scope: ScopePointer) {
    scope.pointee.hasHandlerReturned = true
    noteReturn(in: scope)
    pointee.cancellation = CancellationState()
  }

  /// What the handler has returned has been told: nothing is left of it in the job.
  @inline(__always)
  public func handlerIsDone() { releaseColdState() }
}
