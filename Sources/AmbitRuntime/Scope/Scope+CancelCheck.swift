internal import AmbitCore

// What a job that computes learns of a cancel when it asks. Its loop does not turn meanwhile, so no timer fires, no
// event of a client is seen and no mail is delivered: all that could end its scope is looked at here, on the spot.
//
// What is found is kept on the scopes at once, so that the first cause wins as always. No code of a plugin runs inside
// the call: functions of ambit_on_cancel and waits of other jobs are told when the loop turns.

/// What a loop knows of the job that computes on it.
struct Computation {
  /// Something is being looked at inside a call of the job: what is cancelled meanwhile is told later.
  var isChecked = false
  /// When to look again at what costs more than the clock: monotonic nanoseconds.
  fileprivate var nextLook: Int64 = 0
  /// The job that asked last, the turn in which it did, and when it asked first in that turn.
  fileprivate var job: JobPointer?
  fileprivate var turn: UInt64 = 0
  fileprivate var since: Int64 = 0

  /// Between two looks, in nanoseconds.
  fileprivate static var interval: Int64 { 1_000_000 }
}

extension UnsafeMutablePointer<Scope> {
  /// Why the caller should go no further in this scope: the scope's cause, or else the cause for which the calling job
  /// was cancelled by itself; `none` if neither was.
  ///
  /// On the scope's loop the running job's call looks at all that could have ended it since the loop turned: the
  /// deadline at each call, all else once a millisecond. On another thread the loop does that.
  @inline(never)
  func causeForCaller() -> Cause {
    if pointee.cause != .none { return pointee.cause }
    guard let job = CallSite.runningJob(of: self) else { return CallSite.job?.pointee.cancelCause ?? .none }
    let isDone = check(as: job)
    if pointee.cause != .none { return pointee.cause }
    if job.pointee.cancelCause != .none { return job.pointee.cancelCause }
    return isDone ? .done : .none
  }

  /// The same for a call that may go on and on without a wait, since what it reads is there or what it writes finds
  /// room: the scope, if it has come to its end, is cancelled. That the client has left, such a call finds out by
  /// itself.
  public func cancelIfOver(for job: JobPointer) {
    guard pointee.isOpen else { return }
    let now = Clock.monotonic
    checking {
      cancelIfOverdue(at: now)
      if pointee.isOpen { look(as: job, at: now) }
    }
  }

  /// Cancels what has come to its end. Returns whether the request is over but for jobs that have their turn first: its
  /// scope ends with `done` when the loop turns.
  private func check(as job: JobPointer) -> Bool {
    let loop = pointee.loop
    let now = Clock.monotonic
    checking {
      cancelIfOverdue(at: now)
      guard now >= loop.pointee.computation.nextLook else { return }
      loop.pointee.computation.nextLook = now + Computation.interval
      look(as: job, at: now)
      if pointee.isOpen, let request = pointee.request { loop.pointee.lookForDisconnect?(request) }
    }
    return isDone(job, at: now)
  }

  /// Runs `body`; what is cancelled by it is told when the loop turns.
  private func checking(_ body: () -> Void) {
    pointee.loop.pointee.computation.isChecked = true
    body()
    pointee.loop.pointee.computation.isChecked = false
  }

  /// The outermost scope whose deadline has passed ends with all below it.
  private func cancelIfOverdue(at now: Int64) {
    var overdue: ScopePointer?
    var next: ScopePointer? = self
    while let scope = next {
      if scope.pointee.deadline <= now { overdue = scope }
      next = scope.pointee.parent
    }
    overdue?.cancel(.deadline)
  }

  /// Looks at what other threads have asked for, and at the timers that none fires now.
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

  /// Whether the scope's request is over and the job, which others of the request may have to wait for, has had its
  /// share: what was spawned before the handler returned has a turn in any case.
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
  /// The job's own timeout cancels it if that has passed.
  fileprivate func cancelIfOverdue(at now: Int64) {
    guard let timer = pointee.attachments?.timeoutTimer, timer.isArmed, pointee.loop.due(timer) <= now else { return }
    pointee.loop.disarm(timer)
    cancel(.deadline)
  }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var cancelledAheadLink: LinkPointer { pointer(to: \.cancelledAhead)! }
  @inline(__always) var cancelTimer: TimerPointer { pointer(to: \.cancelTimer)! }

  /// Has those who are concerned told of a cancel when the job that computes has left the thread. `ending` are the
  /// scopes, each of them held; threads that wait for their descriptors are told now.
  func finishCancelLater(of ending: LinkPointer) {
    ending.forEach { ScopePointer.of(ending: $0).signalCancel() }
    callHookLater(of: ScopePointer.of(ending: ending.pointee.next)) { loop in
      loop!.assumingMemoryBound(to: Loop.self).finishCancels()
    }
    // For when the job has a hook called before.
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

/// The loop turns, and there are scopes that were cancelled ahead.
let cancelledScopesDue: TimerFunction = { timer in
  timer.assumingMemoryBound(to: Timer.self).record(Loop.self, at: MemoryLayout<Loop>.offset(of: \.cancelTimer)!)
    .finishCancels()
}
