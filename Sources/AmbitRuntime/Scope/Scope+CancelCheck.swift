internal import AmbitCore
internal import AmbitSystem

// `ambit_cancelled` from a job that computes. Its loop is blocked meanwhile: no timer fires, no event of a
// descriptor is handled, and no mail is delivered. So the call itself checks everything that could cancel the job's
// scope.
//
// A cause that it finds is set on the scopes at once, so the first cause wins as always. No code of a plugin runs
// inside the call: functions of ambit_on_cancel are called, and other jobs are woken, when the loop turns.

/// What a loop knows about the job that computes on it.
struct Computation {
  /// A call of the job checks for a cancel. Scopes that are cancelled meanwhile are told later.
  var isChecked = false
  /// When to repeat the checks that cost more than reading the clock: monotonic nanoseconds.
  fileprivate var nextLook: Int64 = 0
  /// The job that asked last, the turn in which it asked, and when it asked first in that turn.
  fileprivate var job: JobPointer?
  fileprivate var turn: UInt64 = 0
  fileprivate var since: Int64 = 0

  /// Between two such checks, in nanoseconds.
  fileprivate static var interval: Int64 { 1_000_000 }
}

extension UnsafeMutablePointer<Scope> {
  /// Why the caller should stop working in this scope: the scope's cause, or else the cause for which the calling job
  /// itself was cancelled; `none` if neither was.
  ///
  /// On the scope's loop, the call checks what could have cancelled the running job since the loop turned: the deadline
  /// each time, everything else once per millisecond. For callers on other threads the loop does this by itself.
  @inline(never)
  func causeForCaller() -> Cause {
    if pointee.cause != .none { return pointee.cause }
    guard let job = runningJob else { return JobPointer.ofThisThread?.pointee.cancelCause ?? .none }
    let isDone = check(as: job)
    if pointee.cause != .none { return pointee.cause }
    if job.pointee.cancelCause != .none { return job.pointee.cancelCause }
    return isDone ? .done : .none
  }

  /// The same check for calls that may succeed again and again without a wait, because there are bytes to read or there
  /// is room to write: cancels the scope if it is over. Such calls find out by themselves when their peer has left.
  public func cancelIfOver(for job: JobPointer) {
    guard pointee.isOpen else { return }
    let now = Clock.monotonic
    checking {
      cancelIfOverdue(at: now)
      if pointee.isOpen { look(as: job, at: now) }
    }
  }

  /// Cancels what is over. True if the request is over too, except that jobs have their turn first: its scope ends with
  /// `done` when the loop turns.
  private func check(as job: JobPointer) -> Bool {
    let loop = pointee.loop
    let now = Clock.monotonic
    checking {
      cancelIfOverdue(at: now)
      guard now >= loop.pointee.computation.nextLook else { return }
      loop.pointee.computation.nextLook = now + Computation.interval
      look(as: job, at: now)
      if pointee.isOpen, let context = pointee.context { loop.pointee.cancelIfAbandoned?(context) }
    }
    return isDone(job, at: now)
  }

  /// Runs `body`. Scopes that it cancels are told when the loop turns.
  private func checking(_ body: () -> Void) {
    pointee.loop.pointee.computation.isChecked = true
    body()
    pointee.loop.pointee.computation.isChecked = false
  }

  /// Cancels the outermost scope whose deadline has passed.
  private func cancelIfOverdue(at now: Int64) {
    var overdue: ScopePointer?
    var next: ScopePointer? = self
    while let scope = next {
      if scope.pointee.deadline <= now { overdue = scope }
      next = scope.pointee.parent
    }
    overdue?.cancel(.deadline)
  }

  /// Checks for cancels from other threads, and for timers that have expired but cannot fire now.
  private func look(as job: JobPointer, at now: Int64) {
    let loop = pointee.loop
    loop.pointee.mailbox._withUnsafeGuaranteedRef { $0.runUrgent(on: loop) }
    if let plugin = pointee.generation?.pointee.shards[loop.pointee.index], plugin.pointee.life.isRetiring,
      plugin.timer.isArmed, loop.due(plugin.timer) <= now
    {
      plugin.cancel(.retired)
    }
    job.cancelIfOverdue(at: now)
  }

  /// Whether the scope's request is over and the job has had its share of the time. Other jobs of the request may wait
  /// for this one: every job that was spawned before the handler returned gets a turn.
  private func isDone(_ job: JobPointer, at now: Int64) -> Bool {
    let loop = pointee.loop
    if loop.pointee.computation.job != job || loop.pointee.computation.turn != loop.pointee.turn {
      loop.pointee.computation.job = job
      loop.pointee.computation.turn = loop.pointee.turn
      loop.pointee.computation.since = now
    }
    guard let request = pointee.requestScope, request.pointee.life.phase == .ending else { return false }
    return now - loop.pointee.computation.since >= Computation.interval
  }
}

extension UnsafeMutablePointer<Job> {
  /// Cancels the job if its own timeout has passed.
  fileprivate func cancelIfOverdue(at now: Int64) {
    guard let timer = pointee.coldState?.timeoutTimer, timer.isArmed, pointee.loop.due(timer) <= now else { return }
    pointee.loop.disarm(timer)
    cancel(.deadline)
  }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var cancelledAheadLink: LinkPointer { pointer(to: \.cancelledAhead)! }
  @inline(__always) var cancelTimer: TimerPointer { pointer(to: \.cancelTimer)! }

  /// Finishes a cancel after the job that computes has left the thread. `ending` lists the scopes, each of them held.
  /// Their cancel descriptors become readable now, for other threads that wait for them.
  func finishCancelLater(of ending: LinkPointer) {
    ending.forEach { ScopePointer.of(ending: $0).signalCancel() }
    callHookLater(of: ScopePointer.of(ending: ending.pointee.next)) { loop in
      loop!.assumingMemoryBound(to: Loop.self).finishCancels()
    }
    // The job may have a hook called before the loop turns.
    arm(cancelTimer, at: pointee.now)
    ending.move(to: cancelledAheadLink)
  }

  fileprivate func finishCancels() {
    disarm(cancelTimer)
    var head = Link(alone: cancelledAheadLink)
    withUnsafeMutablePointer(to: &head) { ending in
      ending.initializeAlone()
      cancelledAheadLink.move(to: ending)
      ending.finishCancel()
    }
  }
}

/// The loop turns, and there are scopes whose cancel is to be finished.
let cancelledScopesDue: TimerFunction = { timer in
  timer.assumingMemoryBound(to: Timer.self).record(Loop.self, at: MemoryLayout<Loop>.offset(of: \.cancelTimer)!)
    .finishCancels()
}
