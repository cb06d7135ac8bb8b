internal import CFiber
internal import CLinux
public import CAmbit
internal import AmbitCore
internal import AmbitSystem

/// One event loop: a thread with its own epoll instance, fibers, timers, scopes and connections.
///
/// Only the loop's own thread touches this record; other threads reach it through its `EventLoop`.
public struct Loop {
  /// What runs on the loop, for the supervisor: see `WorkMark`. First, since it lies in the memory that they share.
  public var mark = WorkMark.none
  /// The number of the loop in the process, from 0.
  public let index: Int
  /// The function table that scopes of this loop hand to plugins.
  public let api: UnsafePointer<ambit_api>
  public internal(set) var limits: RuntimeLimits
  /// Checked mode: calls of plugins are checked, and closed scopes are kept for that.
  public let isChecked: Bool
  let epoll: Int32
  /// How other threads reach the loop. Owned by the loop's `EventLoop`.
  let mailbox: Unmanaged<Mailbox>
  /// Runs code that would block the loop. Not owned.
  let pool: Unmanaged<ThreadPool>

  /// Monotonic nanoseconds, read once per turn.
  public var now: Int64
  /// Counts turns. An event of a turn may still point at a record that was freed in that turn.
  public var turn: UInt64 = 0
  /// How many events came in the batch of the event that is being handled.
  var eventCount: Int32 = 0
  /// The job that runs; nil while the loop's own code or a hook does.
  public var current: JobPointer?
  /// A hook that the fiber which has just left the thread waits for, or that runs after it has left; nil if there is
  /// none.
  var hookCall: HookCall?
  /// The scope whose hook runs, whose kind is `hookKind`; nil while no hook runs.
  var hookScope: ScopePointer?
  var hookKind = WorkLabel.Kind.onEnd
  let jobKinds: JobKinds
  /// Jobs that are ready for their turn, and scopes whose end is due, in order.
  var ready = ReadyQueue()
  /// New jobs of large scopes, and ends of scopes that come after them, in order. They move to `ready` a few at a time,
  /// so that jobs of other scopes do not wait behind all of them. Between turns it is empty unless `ready` has more
  /// items than run between two readings of the clock.
  var backlog = ReadyQueue()
  /// How many ready items run before the loop asks the kernel for events again.
  var turnsLeft = 0
  /// How long ready items of a deep queue run in one turn, in nanoseconds.
  var readySlice = readySlice
  /// When the present slice ends: monotonic nanoseconds.
  var sliceEnd: Int64 = 0
  /// How many items were ready in the last turn, if they were many; else 0.
  var readyBefore = 0
  /// How often jobs have yielded.
  var yieldCount: UInt32 = 0
  var wheel: TimerWheel
  var busyPolling = BusyPolling()
  /// The thread's own stack.
  var ownFiber = cfiber()
  /// Stacks of jobs.
  var stackPool: cfiber_stack_pool
  /// Stacks of jobs that run handlers in place.
  var handlerStacks: cfiber_stack_pool
  var largeStacks = LargeStacks()
  var isStopping = false
  /// Cancelled scopes with jobs that have not returned, the earliest cancelled first; see OverdueJobs.swift.
  var ending: Link
  /// Fires when the first scope in `ending` is overdue.
  var endingTimer: Timer
  /// State of the cancellation checks of a job that computes; see Scope+CancelCheck.swift.
  var computation = Computation()
  /// Scopes that were cancelled inside a call of a job that computes, parents first. Their jobs are told in the loop's
  /// next turn.
  var cancelledAhead: Link
  /// Fires in the loop's next turn if `cancelledAhead` has scopes.
  var cancelTimer: Timer
  /// Shows other threads when the present turn began. Never freed.
  let heartbeat: HeartbeatPointer
  /// The worker stops: it finishes what runs. What comes to an end with it is told so.
  var isDraining = false
  /// The extension `ambit.worker/1`; nil without a group of loops. Never freed.
  var worker: UnsafePointer<ambit_worker>?
  /// Writes reports about overdue jobs. Not owned; nil in tests that run without a watchdog.
  var watchdog: Unmanaged<Watchdog>?

  /// Closed scopes that plugins may still use by mistake, the earliest closed first; empty without checked mode.
  var quarantine: Link
  var quarantineCount = 0
  /// Gives the memory of free stacks and records back after a burst; see Loop+Memory.swift.
  var trimTimer: Timer
  /// Unmaps free stacks after a burst; see Loop+Stacks.swift.
  var slabTimer: Timer
  /// Has freed memory of the C library given back; see Loop+FreedMemory.swift.
  var freedTimer: Timer
  var freed = FreedMemory()
  var blocks = BlockPool()
  /// `slabTimer` has unmapped a slice and will unmap more.
  var isUnmapping = false
  var freeJobs = RecordPool<Job>(keeping: keptRecords)
  var freeJobColdStates = RecordPool<JobColdState>(keeping: keptRecords)
  var freeScopes = RecordPool<Scope>(keeping: keptRecords)
  var freeChunks = RecordPool<ArenaChunk>(keeping: keptChunks)
  /// Free records of waits for descriptors, the earliest freed first.
  var freeDescriptorWaits: Link
  /// Signatures of C functions that plugins have used.
  var signatures = PreparedSignatures()
  /// Refused jobs whose hooks have not run.
  var refusedJobs = RefusedJobs()
  /// The host's scope on this loop, above all other scopes.
  public var root: ScopePointer
  /// What it uses, without limits.
  let hostUse: GenerationUse
  /// Each loop counts in steps of the number of loops, so that scopes of different loops have different numbers.
  public var lastScopeID: UInt64
  let scopeIDStride: UInt64
  /// Scopes that are not closed.
  public var liveScopes: Int = 0
  /// Requests whose scopes are not closed.
  public var liveRequests: Int = 0
  /// Jobs that have not returned within `cancelGrace` of their cancel.
  var stuckJobs = 0
  /// The protocol's record for this loop. Owned by the protocol.
  public var server: UnsafeMutableRawPointer?
  /// Gets the context of a request's scope, and cancels the scope, without waiting, if nobody wants the result of the
  /// request any more. Set by the protocol; nil if no protocol can tell.
  public var cancelIfAbandoned: (@convention(c) (UnsafeMutableRawPointer) -> Void)?
}

public typealias LoopPointer = UnsafeMutablePointer<Loop>

/// Limits that hold on every loop.
public struct RuntimeLimits: Sendable {
  /// Bytes of a job's stack.
  public var stackSize: Int
  /// Bytes of the stack of a job that runs handlers in place.
  public var handlerStackSize: Int
  /// How many jobs of one request may exist at once.
  public var jobsPerRequest: UInt32
  /// How long a cancelled job may still wait under a shield, in nanoseconds.
  public var cancelGrace: Int64
  /// How long one turn of a loop may take before the loop is reported as blocked, in nanoseconds; nil: no limit.
  public var stallWarning: Int64?

  public init(
    stackSize: Int = 256 << 10, handlerStackSize: Int = 1408 << 10, jobsPerRequest: UInt32 = 10_000,
    cancelGrace: Int64 = 5_000_000_000, stallWarning: Int64? = 100_000_000
  ) {
    self.stackSize = stackSize
    self.handlerStackSize = handlerStackSize
    self.jobsPerRequest = jobsPerRequest
    self.cancelGrace = cancelGrace
    self.stallWarning = stallWarning
  }
}

extension Loop {
  /// How many timers that are armed with a delay share one reading of the clock, which costs more than arming them.
  fileprivate static var timersPerClockReading: Int { 16 }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var ownFiber: UnsafeMutablePointer<cfiber> { pointer(to: \.ownFiber)! }
  @inline(__always) var stackPool: UnsafeMutablePointer<cfiber_stack_pool> { pointer(to: \.stackPool)! }
  @inline(__always) var handlerStacks: UnsafeMutablePointer<cfiber_stack_pool> { pointer(to: \.handlerStacks)! }
  @inline(__always) var trimTimer: TimerPointer { pointer(to: \.trimTimer)! }

  /// The loop whose thread this is; nil on any other thread.
  @inline(__always)
  public static var ofThisThread: LoopPointer? {
    cfiber_loop()?.assumingMemoryBound(to: Loop.self)
  }

  /// Makes a loop, on any thread. It runs on the thread that calls `run`.
  func initialize(
    index: Int, of count: Int, api: UnsafePointer<ambit_api>, isChecked: Bool, limits: RuntimeLimits, mailbox: Mailbox,
    pool: ThreadPool
  ) throws(SystemError) {
    let epoll = try SystemError.check("epoll_create1", clinux_own(epoll_create1(clinux_epoll_cloexec)))
    clinux_set_use(epoll, CLINUX_VITAL)
    let stacks = try cfiber_stack_pool(stackSize: limits.stackSize)
    let handlerStacks = try cfiber_stack_pool(stackSize: limits.handlerStackSize)
    let now = Clock.monotonic
    initialize(
      to: Loop(
        index: index, api: api, limits: limits, isChecked: isChecked, epoll: epoll, mailbox: .passUnretained(mailbox),
        pool: .passUnretained(pool), now: now, current: nil, jobKinds: JobKinds(of: self),
        wheel: TimerWheel(now: now), stackPool: stacks, handlerStacks: handlerStacks,
        ending: Link(alone: pointer(to: \.ending)!),
        endingTimer: Timer(at: endingTimer, fire: endingScopesDue),
        cancelledAhead: Link(alone: pointer(to: \.cancelledAhead)!),
        cancelTimer: Timer(at: cancelTimer, fire: cancelledScopesDue), heartbeat: .make(), watchdog: nil,
        quarantine: Link(alone: pointer(to: \.quarantine)!),
        trimTimer: Timer(at: trimTimer, fire: trimMemory),
        slabTimer: Timer(at: slabTimer, fire: unmapSpareStacks),
        freedTimer: Timer(at: freedTimer, fire: freedMemoryDue),
        freeDescriptorWaits: Link(alone: pointer(to: \.freeDescriptorWaits)!),
        root: .allocate(capacity: 1),
        hostUse: GenerationUse(of: "ambit", label: "ambit", limits: .none, loops: 1),
        lastScopeID: UInt64(index), scopeIDStride: UInt64(max(count, 1)), server: nil))
    pointee.root.initializeRecord(loop: self, parent: nil, kind: .host, observer: nil)
  }

  /// Calls the timer's function at `time` (monotonic, nanoseconds), on the loop.
  @inline(__always)
  public func arm(_ timer: TimerPointer, at time: Int64) { pointee.wheel.arm(timer, at: time) }

  /// Calls the timer's function, on the loop, when `delay` nanoseconds have passed: never earlier, and later by up to
  /// one tick plus the time that jobs take in the rest of this turn.
  @inline(__always)
  public func arm(_ timer: TimerPointer, after delay: Int64) {
    guard delay <= TimerWheel.longestDelay else { return armFarOff(timer, after: delay) }
    if pointee.wheel.arm(timer, after: delay) == Loop.timersPerClockReading { settleTimers() }
  }

  @inline(never)
  private func armFarOff(_ timer: TimerPointer, after delay: Int64) {
    let (time, overflow) = Clock.monotonic.addingReportingOverflow(delay)
    pointee.wheel.arm(timer, at: overflow ? .max : time)
  }

  /// Reads the clock and settles the timers that were armed with a delay since the last reading.
  @inline(never)
  func settleTimers() { pointee.wheel.settle(now: Clock.monotonic) }

  @inline(__always)
  public func disarm(_ timer: TimerPointer) { pointee.wheel.disarm(timer) }

  /// When an armed timer fires, monotonic nanoseconds.
  func due(_ timer: TimerPointer) -> Int64 {
    if pointee.wheel.isUnsettled { settleTimers() }
    return pointee.wheel.due(timer)
  }
}
