internal import AmbitCore
public import CAmbit

// Jobs on threads of the pool.

extension UnsafeMutablePointer<Job> {
  /// A turn of a job, or a tick, that is to run on a thread.
  func startOnThread() {
    let function = pointee.function!
    let argument = Unchecked(pointee.argument)
    pointee.state = .onThread
    let run = ThreadRun(of: self, then: .endOfTurn) { scope in function(scope, argument.value) }
    let isAccepted = waitForThread(with: run, in: pointee.scope)
    if isAccepted { return }
    // A tick that finds no thread is missed, like one whose time passed during another.
    if pointee.isTicker { restAfterTick() } else { end(neverRan: .limit) }
  }

  /// Runs a request's handler on a thread and waits, as this job, until it returns, cancelled or not: its result, or
  /// `AMBIT_LIMIT` if the pool takes no more, or `AMBIT_CANCELLED` if the scope ended before a thread was free. The
  /// handler's waits are cancelled with `scope`. If there is a `lane`, it runs when it has its turn there.
  public func runHandlerOnThread(
    in scope: ScopePointer, lane: SerialLane? = nil,
    _ handler: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) -> Int32 {
    runOnThread(.job, in: scope, lane: lane, handler)
  }

  /// Runs a function of a plugin that is called with `scope` on a thread, and waits for it as this job, whose name it
  /// has in the log. Its waits fail after `timeout` nanoseconds; negative: never.
  func runOnThread(
    _ kind: ThreadPool.Kind, in scope: ScopePointer, lane: SerialLane? = nil, timeout: Int64 = -1,
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) -> Int32 {
    let loop = pointee.loop
    let guest = loop.takeJob()
    guest.initialize(asGuestOf: scope)
    guest.pointee.state = .onThread
    if !pointee.name.isEmpty { guest.attach().pointee.name = JobText(lasting: pointee.name) }
    if timeout >= 0 { guest.armTimeout(after: timeout) }
    let earlier = scope.pointee.handlerJob
    scope.pointee.handlerJob = guest
    let code = awaitThread(kind, for: guest, in: scope, lane: lane, function)
    guest.noteReturn(in: scope)
    guest.disarmTimeout()
    takeFailure(of: guest)
    scope.pointee.handlerJob = earlier
    loop.recycle(guest)
    return code
  }

  /// Makes a record a job in `scope` under whose name a thread makes calls. It is in no list, and has no turns.
  func initialize(asGuestOf scope: ScopePointer) {
    initialize(to: Job(at: self, loop: scope.pointee.loop, scope: scope, kind: scope.pointee.loop.visit))
  }

  /// Runs `function` on a thread and waits, as this job, until it returns, cancelled or not; `AMBIT_CANCELLED` if
  /// `scope` ended before a thread was free.
  func block(
    _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32, _ argument: UnsafeMutableRawPointer?,
    in scope: ScopePointer
  ) -> Int32 {
    let argument = Unchecked(argument)
    let home = pointee.scope.encloses(scope) ? scope : pointee.scope
    return awaitThread(.job, for: self, in: home) { _ in function(argument.value) }
  }

  /// Waits, as this job, until a thread has run `function` for `runner`, which is this job or its guest.
  private func awaitThread(
    _ kind: ThreadPool.Kind, for runner: JobPointer, in scope: ScopePointer, lane: SerialLane? = nil,
    _ function: @escaping ThreadRun.Function
  ) -> Int32 {
    prepareToBlock()
    let run = ThreadRun(of: runner, calledWith: scope, then: .wake(self), isGuest: runner != self, function)
    let isAccepted =
      kind == .job ? runner.waitForThread(with: run, in: scope, lane: lane) : runner.submit(kind, run.makeWork())
    guard isAccepted else { return Status.limit.rawValue }
    _ = block(for: .thread)
    return runner.pointee.code
  }
}

// What a job has on its way to a thread. Until one has taken it a cancel withdraws it, but not the first turn of a job
// whose request is done: that it has in any case.

extension UnsafeMutablePointer<Job> {
  /// False if the pool takes no more.
  func submit(_ kind: ThreadPool.Kind, _ work: PoolWork) -> Bool {
    let loop = pointee.loop
    loop.expectThread()
    let isAccepted = loop.pointee.pool._withUnsafeGuaranteedRef { $0.submit(kind, work) }
    if !isAccepted { loop.pointee.lookout.withdraw() }
    return isAccepted
  }

  /// Submits work that the end of `scope`, or a cancel of the job, withdraws; false if the pool takes no more.
  fileprivate func waitForThread(with run: ThreadRun, in scope: ScopePointer, lane: SerialLane? = nil) -> Bool {
    let work = run.makeWork(in: lane)
    guard submit(.job, work) else { return false }
    attach().pointee.poolWork = .passRetained(work)
    scope.waitersLink.append(waiterLink)
    scope.armDeadline()
    return true
  }

  /// The job is cancelled: what no thread has taken never runs.
  func withdrawFromPool() {
    guard let work = pointee.attachments?.pointee.poolWork?.takeUnretainedValue() else { return }
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
    guard let attachments = pointee.attachments, let work = attachments.pointee.poolWork else { return }
    attachments.pointee.poolWork = nil
    waiterLink.remove()
    work.release()
  }
}

// Hooks of plugins whose code runs on threads of the pool alone.

extension UnsafeMutablePointer<Scope> {
  /// Whether the plugin's code in this scope runs on threads of the pool and never on a fiber.
  var runsOnThreads: Bool { pointee.generation?.pointee.runsOnThreads ?? false }

  /// Runs `hook` on a thread of the pool, then `completion` on the loop. The scope must be held until then. A crash report
  /// calls it `work`.
  ///
  /// What the hook calls is on no job's account, so a wait in it fails. Without any thread to be had it runs on the
  /// loop's own stack, for it must run.
  func runHookOnThread(_ work: StaticString, _ hook: @escaping () -> Void, then completion: @escaping () -> Void) {
    let loop = pointee.loop
    let guest = loop.takeJob()
    guest.initialize(asGuestOf: self)
    guest.pointee.traits = .isHook
    guest.pointee.state = .onThread
    let ended = {
      loop.recycle(guest)
      completion()
    }
    let post = Unchecked((run: hook, ended: ended))
    let run = ThreadRun(of: guest, then: .call(ended), work: work) { _ in
      post.value.run()
      return Status.ok.rawValue
    }
    if guest.submit(.hook, run.makeWork()) { return }
    loop.pointee.mailbox._withUnsafeGuaranteedRef {
      _ = $0.post { _ in
        post.value.run()
        post.value.ended()
      }
    }
  }

  /// Runs what was deferred on threads, last first and one after the other; the scope, which is held for that, goes on
  /// with closing once nothing is left.
  func runDeferredCallsOnThreads() {
    guard let call = pointee.deferred else { return release() }
    pointee.deferred = call.pointee.earlier
    let (function, argument) = (call.pointee.function, call.pointee.argument)
    runHookOnThread("deferred") {
      function(argument)
    } then: {
      self.runDeferredCallsOnThreads()
    }
  }
}
