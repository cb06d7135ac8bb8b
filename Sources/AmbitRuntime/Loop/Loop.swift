internal import AmbitSystem
internal import CFiber
internal import CLinux
public import CAmbit
internal import AmbitCore

/// One event loop: a thread with its own epoll instance, fibers, timers, scopes and connections.
///
/// Its thread alone touches it; other threads reach it through its `EventLoop`.
public struct Loop {
  /// Which of the process's loops it is, from 0.
  public let index: Int
  /// The function table that scopes of this loop hand to plugins.
  public let api: UnsafePointer<ambit_api>
  public let limits: RuntimeLimits
  /// Checked mode: calls of plugins are checked, and closed scopes are kept in quarantine.
  public let isChecked: Bool
  let epoll: Int32
  /// How other threads reach the loop. Not owned: it belongs to the loop's `EventLoop`.
  let mailbox: Unmanaged<Mailbox>
  /// Where code runs that would hold up the loop. Not owned.
  let pool: Unmanaged<ThreadPool>

  /// Monotonic nanoseconds, read once per turn.
  public var now: Int64
  /// Counts the turns: a record given back in one turn may still be named by an event of that turn.
  public var turn: UInt64 = 0
  /// How many events the loop took with the one that is being handled.
  var eventCount: Int32 = 0
  /// The job that runs; nil while the loop's own code or a hook does.
  public var current: JobPointer?
  /// What the fiber that has just been left wants called, or what is to run now that it has left; nil if there is
  /// neither.
  var hookCall: HookCall?
  /// The scope whose hook runs, of which `hookKind` says what it is; nil while none does.
  var hookScope: ScopePointer?
  var hookKind = WorkName.Kind.onEnd
  let jobKinds: JobKinds
  /// Jobs, and ends of scopes, whose turn comes next.
  var ready = ReadyQueue()
  /// How many more of them have their turn before the loop looks at what the kernel has.
  var turnsLeft = 0
  /// How often jobs have yielded.
  var yieldCount: UInt32 = 0
  var wheel: TimerWheel
  var lookout = Lookout()
  /// The thread's own stack.
  var ownFiber = cfiber()
  /// Stacks of jobs.
  var stackPool: cfiber_stack_pool
  /// Stacks of jobs that run handlers in place.
  var handlerStacks: cfiber_stack_pool
  var largeStacks = LargeStacks()
  var isStopping = false
  /// Cancelled scopes with jobs that have not returned, the longest cancelled first; see Loop+Overdue.swift.
  var ending: Link
  /// Fires when the first of them is overdue.
  var endingTimer: Timer
  /// What is known of the job that computes; see Scope+CancelCheck.swift.
  var computation = Computation()
  /// Scopes that were cancelled while a job computes, parents first: their jobs are to be told when the loop turns.
  var cancelledAhead: Link
  /// Fires when the loop turns and there are any.
  var cancelTimer: Timer
  /// What other threads see of the loop's turns. Never released.
  let pulse: LoopPulsePointer
  /// Who writes reports about overdue jobs. Not owned; nil on a loop that nobody watches.
  var watchdog: Unmanaged<Watchdog>?

  /// In checked mode: closed scopes that plugins may still have handles of, the longest closed first.
  var quarantine: Link
  var quarantineCount = 0
  /// Gives back the memory of stacks that a burst has left behind; see `Loop+Memory.swift`.
  var trimTimer: Timer
  /// Unmaps the stacks that a burst has left behind; see `Loop+Stacks.swift`.
  var slabTimer: Timer
  /// Looks after memory that was freed; see `Loop+FreedMemory.swift`.
  var freedTimer: Timer
  var freed = FreedMemory()
  var blocks = BlockPool()
  /// A row of slices of `slabTimer` is going on.
  var isUnmapping = false
  var freeJobs = RecordPool<Job>(keeping: keptRecords)
  var freeJobColdStates = RecordPool<JobColdState>(keeping: keptRecords)
  var freeScopes = RecordPool<Scope>(keeping: keptRecords)
  var freeChunks = RecordPool<ArenaChunk>(keeping: keptChunks)
  /// Records of waits for descriptors that are not in use, the one that was given back first in front.
  var freeDescriptorWaits: Link
  /// What plugins gave as signatures of C functions.
  var signatures = PreparedSignatures()
  /// The host's scope on this loop: all others are below it.
  public var root: ScopePointer
  /// Scopes of all loops have different numbers: each loop counts on by the number of loops.
  public var lastScopeID: UInt64
  let scopeIDStride: UInt64
  /// Scopes that are not closed.
  public var liveScopes: Int = 0
  /// Requests whose scope is not closed.
  public var liveRequests: Int = 0
  /// Jobs that have not returned within `cancelGrace` of their cancel.
  var stuckJobs = 0
  /// The protocol's record for this loop; owned by the protocol.
  public var server: UnsafeMutableRawPointer?
  /// Has the protocol look, without waiting, whether the client of a request has left, whose record it is given, and
  /// cancel its scope then; nil: no protocol has clients.
  public var lookForDisconnect: (@convention(c) (UnsafeMutableRawPointer) -> Void)?
}

public typealias LoopPointer = UnsafeMutablePointer<Loop>

/// Bounds that hold on every loop.
public struct RuntimeLimits: Sendable {
  /// Bytes of a job's stack.
  public var stackSize: Int
  /// Bytes of the stack of a job that runs handlers in place.
  public var handlerStackSize: Int
  /// How many jobs of one request may be alive at once.
  public var jobsPerRequest: UInt32
  /// For how long, in nanoseconds, a cancelled job may still wait under a shield.
  public var cancelGrace: Int64
  /// How long a loop may take for one turn, in nanoseconds, before it is reported; nil: as long as it likes.
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
  /// So many timers that are to fire some time from now share one reading of the clock: it takes longer than all else
  /// about them.
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

  /// Makes a loop, on any thread; it runs on the thread that calls `run`.
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
        cancelTimer: Timer(at: cancelTimer, fire: cancelledScopesDue), pulse: .make(), watchdog: nil,
        quarantine: Link(alone: pointer(to: \.quarantine)!),
        trimTimer: Timer(at: trimTimer, fire: trimMemory),
        slabTimer: Timer(at: slabTimer, fire: unmapSpareStacks),
        freedTimer: Timer(at: freedTimer, fire: freedMemoryDue),
        freeDescriptorWaits: Link(alone: pointer(to: \.freeDescriptorWaits)!),
        root: .allocate(capacity: 1),
        lastScopeID: UInt64(index), scopeIDStride: UInt64(max(count, 1)), server: nil))
    pointee.root.initializeRecord(loop: self, parent: nil, kind: .host, observer: nil)
  }

  /// Calls the timer's function at `time` (monotonic, nanoseconds), on the loop.
  @inline(__always)
  public func arm(_ timer: TimerPointer, at time: Int64) { pointee.wheel.arm(timer, at: time) }

  /// Calls the timer's function when `delay` nanoseconds have passed since now: never sooner, and later by up to a tick
  /// and what the jobs take that run in the rest of this turn.
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

  /// Fixes when the timers fire that were armed for some time from now since it was last known what time it is.
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
