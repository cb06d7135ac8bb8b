internal import CFiber
internal import CAmbit
internal import AmbitCore

/// One piece of straight-line work on a loop: a handler's connection, or what a plugin spawned.
///
/// A job runs on a fiber of its loop. It has a stack from its first turn to its return and belongs to one scope for life,
/// except a connection's job, which works in the scope of the request at hand. Its loop alone touches it.
public struct Job {
  /// In the loop's queue of what is ready to run.
  var ready: ReadyItem
  // Behind the one byte of the item's kind, where they take no room of their own: there may be many jobs.
  var state = JobState.created
  var outcome = Outcome.completed
  /// What the present wait, or the last one, is for.
  var waitKind = WaitKind.turn
  /// It was cancelled by itself, not with its scope: its waits fail.
  var isCancelled = false
  /// It runs on a thread of the pool.
  var usesThread = false
  /// Its argument is the C call that it makes, and its own.
  var isCall = false
  /// A hook runs on a thread under its name: it may not wait.
  var isHook = false
  /// Its own hook runs on a thread of the pool.
  var endsOnThread = false
  /// It has its first turn even if its scope is ending.
  var startsAlways = false
  /// The plugin has its handle: the record lives until the scope closes.
  var isHeld = false
  /// In `scope.jobs`, until it has ended; then in `scope.endedJobs` if the plugin holds its handle.
  var sibling: Link
  /// In `scope.waiters` of the scope whose end cancels the wait, while it waits.
  var waiter: Link
  /// In the list of what it waits for, while it waits for something that lists its waiters.
  var source: Link
  /// Jobs that wait for this one to end.
  var joiners: Link
  /// Ends the present wait when its timeout passes.
  var waitTimer: Timer
  /// Cancels the job when its own timeout passes.
  var timeoutTimer: Timer

  public var loop: LoopPointer
  public var scope: ScopePointer
  var fiber = cfiber()

  /// Runs on the fiber; the job has ended when it returns.
  var body: JobBody
  /// Runs on the loop once the job has ended and its stack is free; the record is its to use again.
  var finish: JobBody
  var function: ambit_job_fn?
  var argument: UnsafeMutableRawPointer?
  var onEnd: (@convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void)?
  /// Called before the fiber is suspended: what the job has written goes out before it waits.
  public var beforeSuspension: JobBody?
  /// Copied, in the scope's memory; empty if it has none.
  var name = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  /// What a thread of the pool is to run for the job, as long as the loop does not know that one does. Owned.
  var poolWork: Unmanaged<PoolWork>?
  /// The call from its thread that runs on the loop.
  var visit: UnsafeMutableRawPointer?
  /// What the job waits to send, or has received, through a channel.
  var message: UnsafeMutableRawPointer?
  /// When a ticker runs again; void for other jobs.
  var ticks = TickSchedule.none

  var code: Int32 = 0
  /// What the wait that ended returns.
  var waitStatus = Status.ok
  /// When the present wait, or the last one, began: monotonic nanoseconds, as of that turn of the loop.
  var waitingSince: Int64 = 0
  /// When the job was made: monotonic nanoseconds, as of that turn of the loop.
  let madeAt: Int64
  public var aftermath = Aftermath()
}

extension Job {
  /// Whether `ambit_every` made it.
  var isTicker: Bool { ticks.interval > 0 }

  /// The lowest address of its stack; nil while it has none.
  var stack: UnsafeMutableRawPointer? { fiber.stack_low }

  /// The value of a job at `address` that has not run, is in no list, and is not counted by its scope.
  @inline(__always)
  public init(
    at address: JobPointer, loop: LoopPointer, scope: ScopePointer, body: @escaping JobBody, finish: @escaping JobBody
  ) {
    ready = ReadyItem(link: Link(alone: address.readyLink), kind: .job)
    sibling = Link(alone: address.siblingLink)
    waiter = Link(alone: address.waiterLink)
    source = Link(alone: address.sourceLink)
    joiners = Link(alone: address.joinersLink)
    waitTimer = Timer(at: address.waitTimer, owner: address, fire: waitTimedOut)
    timeoutTimer = Timer(at: address.timeoutTimer, owner: address, fire: jobTimedOut)
    self.loop = loop
    self.scope = scope
    madeAt = loop.pointee.now
    self.body = body
    self.finish = finish
  }
}

public typealias JobPointer = UnsafeMutablePointer<Job>
public typealias JobBody = @convention(c) (UnsafeMutableRawPointer) -> Void

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

/// What stands in a loop's ready queue: a job's turn, or the end of a request whose jobs are to have theirs before.
struct ReadyItem {
  enum Kind {
    case job
    case scopeEnd
  }
  var link: Link
  let kind: Kind
}

extension UnsafeMutablePointer<Job> {
  @inline(__always) var readyLink: LinkPointer { pointer(to: \.ready.link)! }
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var waiterLink: LinkPointer { pointer(to: \.waiter)! }
  @inline(__always) var sourceLink: LinkPointer { pointer(to: \.source)! }
  @inline(__always) var joinersLink: LinkPointer { pointer(to: \.joiners)! }
  @inline(__always) var waitTimer: TimerPointer { pointer(to: \.waitTimer)! }
  @inline(__always) var timeoutTimer: TimerPointer { pointer(to: \.timeoutTimer)! }
  @inline(__always) var fiber: UnsafeMutablePointer<cfiber> { pointer(to: \.fiber)! }

  /// The job whose field `ready` the node is.
  @inline(__always)
  static func of(ready link: LinkPointer) -> JobPointer {
    link.record(Job.self, at: MemoryLayout<Job>.offset(of: \.ready)!)
  }

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
