internal import CFiber
internal import AmbitCore
public import CAmbit

// Jobs on threads of the pool.

extension UnsafeMutablePointer<Job> {
  /// A turn of a job, or a tick, that is to run on a thread.
  func startOnThread() {
    let job = Unchecked(self)
    let function = pointee.function!
    pointee.state = .onThread
    let work = poolWork {
      function(job.value.pointee.scope.asHandle, job.value.pointee.argument)
    } then: { code in
      job.value.noteResult(code)
      job.value.pointee.state = .ended
      job.value.pointee.finish(job.value)
    } withdrawn: {
      // It has a turn, in which it ends without having run.
      job.value.pointee.state = .ready
      job.value.pointee.loop.enqueue(job.value.readyLink)
    }
    let isAccepted = waitForThread(with: work, in: pointee.scope)
    if isAccepted { return }
    // A tick that finds no thread is missed, like one whose time passed during another.
    if pointee.isTicker { restAfterTick() } else { end(neverRan: .limit) }
  }

  /// Runs a request's handler on a thread and waits, as this job, until it returns, cancelled or not: its result, or
  /// `AMBIT_LIMIT` if the pool takes no more, or `AMBIT_CANCELLED` if the scope ended before a thread was free. The
  /// handler's waits are cancelled with `scope`.
  public func runHandlerOnThread(
    in scope: ScopePointer, _ handler: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) -> Int32 {
    runOnThread(.job, in: scope, handler)
  }

  /// Runs a function of a plugin that is called with `scope` on a thread, and waits for it as this job.
  func runOnThread(
    _ kind: ThreadPool.Kind, in scope: ScopePointer,
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) -> Int32 {
    let loop = pointee.loop
    let guest = loop.takeJob()
    guest.initialize(asGuestOf: scope)
    guest.pointee.state = .onThread
    let handle = Unchecked(scope.asHandle)
    let earlier = scope.pointee.handlerJob
    scope.pointee.handlerJob = guest
    let code = awaitThread(kind, for: guest, in: scope) { function(handle.value) }
    guest.noteReturn(in: scope)
    scope.pointee.handlerJob = earlier
    loop.recycle(guest)
    return code
  }

  /// Makes a record a job in `scope` under whose name a thread makes calls. It is in no list, and has no turns.
  func initialize(asGuestOf scope: ScopePointer) {
    initialize(to: Job(at: self, loop: scope.pointee.loop, scope: scope, body: runVisit, finish: visitEnded))
  }

  /// Runs `function` on a thread and waits, as this job, until it returns, cancelled or not; `AMBIT_CANCELLED` if
  /// `scope` ended before a thread was free.
  func block(
    _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32, _ argument: UnsafeMutableRawPointer?,
    in scope: ScopePointer
  ) -> Int32 {
    let argument = Unchecked(argument)
    let home = pointee.scope.encloses(scope) ? scope : pointee.scope
    return awaitThread(.job, for: self, in: home) { function(argument.value) }
  }

  /// Waits, as this job, until a thread has run `function` for `runner`, which is this job or its guest.
  private func awaitThread(
    _ kind: ThreadPool.Kind, for runner: JobPointer, in scope: ScopePointer,
    _ function: @escaping @Sendable () -> Int32
  ) -> Int32 {
    let (job, runner) = (Unchecked(self), Unchecked(runner))
    let ended: (Int32) -> Void = { code in
      runner.value.pointee.code = code
      job.value.unblock(.ok)
    }
    prepareToBlock()
    let work = runner.value.poolWork(
      isGuest: runner.value != self, function, then: ended, withdrawn: { ended(Status.cancelled.rawValue) })
    let isAccepted =
      kind == .job ? runner.value.waitForThread(with: work, in: scope) : runner.value.submit(kind, work)
    guard isAccepted else { return Status.limit.rawValue }
    _ = block(for: .thread)
    return runner.value.pointee.code
  }
}

// What a job has on its way to a thread. Until one has taken it a cancel withdraws it, but not the first turn of a job
// whose request is done: that it has in any case.

extension UnsafeMutablePointer<Job> {
  /// Work that runs `function` on a thread, then `completion` with its result on the loop; a guest is a job whose calls
  /// the thread may make.
  func poolWork(
    isGuest: Bool = true, _ function: @escaping @Sendable () -> Int32, then completion: @escaping (Int32) -> Void,
    withdrawn: @escaping () -> Void = {}
  ) -> PoolWork {
    let (job, completion) = (Unchecked(self), Unchecked(completion))
    return PoolWork(for: UInt(bitPattern: self), withdrawn: withdrawn) {
      [mailbox = Unchecked(pointee.loop.pointee.mailbox)] in
      cfiber_set_guest(isGuest ? UnsafeMutableRawPointer(job.value) : nil)
      let code = function()
      cfiber_set_guest(nil)
      mailbox.value._withUnsafeGuaranteedRef {
        $0.post { _ in
          job.value.leavePool()
          completion.value(code)
        }
      }
    }
  }

  /// False if the pool takes no more.
  func submit(_ kind: ThreadPool.Kind, _ work: PoolWork) -> Bool {
    pointee.loop.pointee.pool._withUnsafeGuaranteedRef { $0.submit(kind, work) }
  }

  /// Submits work that the end of `scope`, or a cancel of the job, withdraws; false if the pool takes no more.
  fileprivate func waitForThread(with work: PoolWork, in scope: ScopePointer) -> Bool {
    guard submit(.job, work) else { return false }
    pointee.poolWork = .passRetained(work)
    scope.waitersLink.append(waiterLink)
    scope.armDeadline()
    return true
  }

  /// The job is cancelled: what no thread has taken never runs.
  func withdrawFromPool() {
    guard let work = pointee.poolWork?.takeUnretainedValue() else { return }
    let runsAnyway = hasFirstTurnAhead && pointee.scope.pointee.cause == .done && !pointee.isCancelled || isWithinGrace
    let isWithdrawn = !runsAnyway && pointee.loop.pointee.pool._withUnsafeGuaranteedRef { $0.withdraw(work) }
    leavePool()
    if isWithdrawn { work.withdrawn() }
  }

  /// Whether what it has in the pool is its beginning, and not a tick, a handler or a call that blocks.
  private var hasFirstTurnAhead: Bool {
    pointee.state == .onThread && pointee.function != nil && !pointee.isTicker
  }

  /// A thread has taken the job's work: no cancel can withdraw it any more.
  func leavePool() {
    guard let work = pointee.poolWork else { return }
    pointee.poolWork = nil
    waiterLink.remove()
    work.release()
  }
}
