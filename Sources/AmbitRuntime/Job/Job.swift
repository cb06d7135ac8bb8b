internal import AmbitCore
internal import CAmbit
internal import CFiber

/// One piece of straight-line work on a loop: a handler's connection, or what a plugin spawned.
///
/// A job runs on a fiber of its loop. It has a stack from its first turn to its return and belongs to one scope for life,
/// except a connection's job, which works in the scope of the request at hand. Its loop alone touches it.
public struct Job {
  /// In the list of what it waits for, while it does.
  var source: Link
  var state = JobState.created
  var outcome = Outcome.completed
  /// What the present wait, or the last one, is for.
  var waitKind = WaitKind.turn
  /// Why it was cancelled by itself, not with its scope, so that its waits fail; `none` if it was not.
  var cancelCause = Cause.none
  var traits: JobTraits = []
  public var aftermath = Aftermath()
  private var waitStatusByte: Int8 = 0
  var code: Int32 = 0

  public var loop: LoopPointer
  public var scope: ScopePointer
  /// What it runs, and what the loop does besides.
  var kind: JobKindPointer
  /// Its stack, at the top of which the record lies; nil while it has none. Below it is its `Activation`.
  var fiber: UnsafeMutablePointer<cfiber>?

  /// In `scope.jobs`, until it has ended; then in `scope.endedJobs` if the plugin holds its handle.
  var sibling: Link
  /// In `scope.waiters` of the scope whose end cancels the wait, while it waits.
  var waiter: Link
  var function: ambit_job_fn?
  var argument: UnsafeMutableRawPointer?
  var onEnd: (@convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void)?
  /// What few jobs have; nil if it has none of it. Owned.
  var attachments: UnsafeMutablePointer<JobAttachments>?

  /// Ends the present wait when its timeout passes; a ticker's next tick.
  var waitTimer: Timer
  /// When the job was made: monotonic nanoseconds, as of that turn of the loop.
  let madeAt: Int64
  /// When a ticker runs again; void for other jobs.
  var ticks = TickSchedule.none
}

/// What is known of a job from its beginning.
struct JobTraits: OptionSet {
  let rawValue: UInt8

  /// It runs on a thread of the pool.
  static var usesThread: JobTraits { JobTraits(rawValue: 1) }
  /// Its argument is the C call that it makes, and its own.
  static var isCall: JobTraits { JobTraits(rawValue: 2) }
  /// A hook runs on a thread under its name: it may not wait.
  static var isHook: JobTraits { JobTraits(rawValue: 4) }
  /// Its own hook runs on a thread of the pool.
  static var endsOnThread: JobTraits { JobTraits(rawValue: 8) }
  /// It has its first turn even if its scope is ending.
  static var startsAlways: JobTraits { JobTraits(rawValue: 16) }
  /// The plugin has its handle: the record lives until the scope closes.
  static var isHeld: JobTraits { JobTraits(rawValue: 32) }
}

extension Job {
  /// Whether `ambit_every` made it.
  var isTicker: Bool { ticks.interval > 0 }

  /// It is none, but what a hook on a thread makes its calls as: it may not wait.
  var isHook: Bool { traits.contains(.isHook) }

  /// It was cancelled by itself, not with its scope.
  @inline(__always) var isCancelled: Bool { cancelCause != .none }

  /// The lowest address of its stack; nil while it has none.
  var stack: UnsafeMutableRawPointer? { fiber?.pointee.stack_low }

  /// What the wait that ended returns: one of the host's own, which take a byte.
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

enum JobState {
  /// Has had no turn yet, and has no stack.
  case created
  /// In the ready queue, with a stack.
  case ready
  case running
  case suspended
  /// Waits for something that a cancel does not end.
  case blocked
  /// Its function runs on a thread of the pool.
  case onThread
  case ended
  /// In checked mode: its scope has closed, and with it the plugin's right to its handle.
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

  /// The job that waits with this node for something that lists its waiters.
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

/// What a job needs only while it has a stack: at the top of that, right below the fiber's record, where a page is in
/// memory anyway.
struct Activation {
  /// What the job waits to send, or has received, through a channel.
  var message: UnsafeMutableRawPointer?
  /// When the present wait, or the last one, began: monotonic nanoseconds, as of that turn of the loop.
  var waitingSince: Int64 = 0
}

extension UnsafeMutablePointer<Job> {
  /// Its activation. It has a stack.
  @inline(__always)
  var activation: UnsafeMutablePointer<Activation> {
    (UnsafeMutableRawPointer(pointee.fiber!) - MemoryLayout<Activation>.size).assumingMemoryBound(to: Activation.self)
  }

  /// When the present wait, or the last one, began: monotonic nanoseconds. A ticker without a stack waits since its last
  /// tick was due.
  var waitingSince: Int64 {
    guard pointee.fiber == nil else { return activation.pointee.waitingSince }
    return max(pointee.ticks.due &- pointee.ticks.interval, pointee.madeAt)
  }
}
