internal import AmbitCore
internal import AmbitSystem
public import CAmbit

// Jobs on threads of the pool.

extension UnsafeMutablePointer<Job> {
  /// Starts a turn of a job, or a tick, on a thread.
  func startOnThread() {
    let function = pointee.function!
    let argument = Unchecked(pointee.argument)
    pointee.state = .onThread
    let run = ThreadRun(of: self, then: .endOfTurn) { scope in function(scope, argument.value) }
    do throws(PoolError) {
      try waitForThread(with: run, in: pointee.scope)
    } catch {
      // A tick that gets no thread is missed, like a tick whose time passed during another.
      pointee.scope.report(error, job: self, pointee.isTicker ? "a tick was missed" : "the job was refused")
      if pointee.isTicker { restAfterTick() } else { end(neverRan: .limit) }
    }
  }

  /// Runs a request's handler on a thread and waits, as this job, until it returns, cancelled or not. With a `lane`,
  /// the handler waits for its turn there. The handler's waits are cancelled with `scope`.
  ///
  /// Returns the handler's result, or `AMBIT_CANCELLED` if the scope was cancelled before a thread was free.
  /// - Throws: if the pool takes no more work. The handler has not run.
  public func runHandlerOnThread(
    in scope: ScopePointer, lane: SerialLane? = nil,
    _ handler: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) throws(PoolError) -> Int32 {
    try runOnThread(.job, in: scope, lane: lane, handler)
  }

  /// Runs a function of a plugin with `scope` on a thread, and waits for it as this job. The log gives it the name of
  /// this job. Its waits fail after `timeout` nanoseconds; negative: never.
  func runOnThread(
    _ kind: ThreadPool.Kind, in scope: ScopePointer, lane: SerialLane? = nil, timeout: Int64 = -1,
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32
  ) throws(PoolError) -> Int32 {
    let loop = pointee.loop
    let caller = loop.takeJob()
    caller.initialize(forThreadIn: scope)
    caller.pointee.state = .onThread
    if !pointee.name.isEmpty { caller.ensureColdState().pointee.name = OwnedText(lasting: pointee.name) }
    if timeout >= 0 { caller.armTimeout(after: timeout) }
    let earlier = scope.pointee.handlerJob
    scope.pointee.handlerJob = caller
    defer {
      caller.noteReturn(in: scope)
      caller.disarmTimeout()
      takeFailure(of: caller)
      scope.pointee.handlerJob = earlier
      loop.recycle(caller)
    }
    return try awaitThread(kind, for: caller, in: scope, lane: lane, function)
  }

  /// Makes a record a job in `scope` that a thread makes calls as. It is in no list and gets no turns.
  func initialize(forThreadIn scope: ScopePointer) {
    initialize(to: Job(at: self, loop: scope.pointee.loop, scope: scope, kind: scope.pointee.loop.crossThreadCall))
  }

  /// Runs `function` on a thread and waits, as this job, until it returns, cancelled or not. Returns its result, or
  /// `AMBIT_CANCELLED` if `scope` was cancelled before a thread was free.
  /// - Throws: if the pool takes no more work.
  func block(
    _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32, _ argument: UnsafeMutableRawPointer?,
    in scope: ScopePointer
  ) throws(PoolError) -> Int32 {
    let argument = Unchecked(argument)
    let home = pointee.scope.encloses(scope) ? scope : pointee.scope
    return try awaitThread(.job, for: self, in: home) { _ in function(argument.value) }
  }

  /// Waits, as this job, until a thread has run `function` for `runner`: this job, or a record that the thread makes
  /// calls as.
  private func awaitThread(
    _ kind: ThreadPool.Kind, for runner: JobPointer, in scope: ScopePointer, lane: SerialLane? = nil,
    _ function: @escaping ThreadRun.Function
  ) throws(PoolError) -> Int32 {
    prepareToBlock()
    let run = ThreadRun(of: runner, calledWith: scope, then: .wake(self), callsAsJob: runner != self, function)
    switch kind {
    case .job: try runner.waitForThread(with: run, in: scope, lane: lane)
    case .call, .hook: try runner.submit(kind, run.makeWork())
    }
    _ = block(for: .thread)
    return runner.pointee.code
  }
}

// Work of a job that waits for a thread. A cancel withdraws it until a thread has taken it. The exception is the first
// turn of a job whose request is done: the job gets this turn in any case.

extension UnsafeMutablePointer<Job> {
  /// Hands work to the pool.
  func submit(_ kind: ThreadPool.Kind, _ work: PoolWork) throws(PoolError) {
    let loop = pointee.loop
    loop.expectThread()
    do throws(PoolError) {
      try loop.pointee.pool.takeUnretainedValue().submit(kind, work)
    } catch {
      loop.pointee.busyPolling.withdraw()
      throw error
    }
  }

  /// Hands work to the pool that a cancel of `scope` or of the job withdraws.
  fileprivate func waitForThread(
    with run: ThreadRun, in scope: ScopePointer, lane: SerialLane? = nil
  ) throws(PoolError) {
    let work = run.makeWork(in: lane)
    try submit(.job, work)
    ensureColdState().pointee.poolWork = .passRetained(work)
    scope.waitersLink.append(waiterLink)
    scope.armDeadline()
  }

  /// Withdraws the work of the cancelled job, unless a thread has taken it.
  func withdrawFromPool() {
    guard let work = pointee.coldState?.pointee.poolWork?.takeUnretainedValue() else { return }
    let runsAnyway = hasFirstTurnAhead && pointee.scope.pointee.cause == .done && !pointee.isCancelled || isShieldActive
    let isWithdrawn = !runsAnyway && pointee.loop.pointee.pool._withUnsafeGuaranteedRef { $0.withdraw(work) }
    leavePool()
    if isWithdrawn { work.withdrawn() }
  }

  /// Its work in the pool is the job's first turn, and not a tick, a handler or a call of ambit_block.
  private var hasFirstTurnAhead: Bool {
    pointee.state == .onThread && pointee.function != nil && !pointee.isTicker
  }

  /// A thread has taken the job's work, so a cancel cannot withdraw it any more.
  func leavePool() {
    guard let coldState = pointee.coldState, let work = coldState.pointee.poolWork else { return }
    coldState.pointee.poolWork = nil
    waiterLink.remove()
    work.release()
  }
}

// Hooks of plugins whose code runs on threads of the pool alone.

extension UnsafeMutablePointer<Scope> {
  /// The plugin's code in this scope runs on threads of the pool only, never on a fiber.
  var runsOnThreads: Bool { pointee.generation?.pointee.runsOnThreads ?? false }

  /// Runs `hook` on a thread of the pool, then `completion` on the loop. The caller holds the scope until then. A crash
  /// report calls the hook `work`.
  ///
  /// A wait in the hook fails, since no job runs it. If the pool takes no more work, the hook runs on the loop's own
  /// stack.
  func runHookOnThread(_ work: StaticString, _ hook: @escaping () -> Void, then completion: @escaping () -> Void) {
    let loop = pointee.loop
    let caller = loop.takeJob()
    caller.initialize(forThreadIn: self)
    caller.pointee.traits = .isHook
    caller.pointee.state = .onThread
    let ended = {
      loop.recycle(caller)
      completion()
    }
    let post = Unchecked((run: hook, ended: ended))
    let run = ThreadRun(of: caller, then: .call(ended), work: work) { _ in
      post.value.run()
      return Status.ok.rawValue
    }
    if (try? caller.submit(.hook, run.makeWork())) != nil { return }
    loop.pointee.mailbox._withUnsafeGuaranteedRef {
      _ = $0.post { _ in
        post.value.run()
        post.value.ended()
      }
    }
  }

  /// Runs the deferred functions on threads, one after the other, the last registered first. The scope is held
  /// meanwhile; after the last function it goes on with closing.
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
