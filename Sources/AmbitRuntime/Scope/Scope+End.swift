public import AmbitCore
internal import AmbitSystem

// The end of a scope, always in this order: set the cause, call hooks, wake waits, let jobs return, run deferred
// functions, give the memory back.

extension UnsafeMutablePointer<Scope> {
  /// Cancels the scope and all scopes below it. Does not wait. Cancelling twice has no effect: the first cause wins.
  ///
  /// While a job that computes asks whether it is cancelled, only the cause is set; everything else follows in the next
  /// turn of the loop.
  public func cancel(_ cause: Cause) {
    guard pointee.isOpen else { return }
    let isAhead = pointee.loop.pointee.computation.isChecked
    var head = Link(alone: endingLink)
    withUnsafeMutablePointer(to: &head) { ending in
      ending.initializeAlone()
      set(cause, listingIn: ending, at: isAhead ? Clock.monotonic : pointee.loop.pointee.now)
      if isAhead { pointee.loop.finishCancelLater(of: ending) } else { ending.finishCancel() }
    }
  }

  /// The last step of a cancel: the scope closes, or the loop starts to watch when its jobs return.
  fileprivate func expectEnd() {
    if pointee.jobCount > 0 || pointee.handlerJob != nil { pointee.loop.expectEnd(of: self) }
    release()
  }

  /// Cancels the scope for plugin code. If it is a generation's scope, its shards on the other loops are cancelled too,
  /// in one of the next turns of these loops.
  func cancelWithShards() {
    // First the other loops: this scope may be gone after its own cancel.
    if pointee.kind == .plugin { pointee.generation?.onOtherLoops(than: self) { $0.cancel(.called) } }
    cancel(.called)
  }

  /// Sets the cause of the open scope and of every open scope below, before any plugin code runs, and lists these
  /// scopes, parents first. Each is held, so that nothing the plugin does when it is told makes one go away.
  private func set(_ cause: Cause, listingIn ending: LinkPointer, at now: Int64) {
    hold()
    ending.append(endingLink)
    _ = pointee.life.cancel(cause)
    pointee.endingSince = now
    pointee.loop.disarm(timer)
    endReference()
    pointee.observer?.cancelling(self)
    childrenLink.forEach { link in
      let child = ScopePointer.of(sibling: link)
      if child.pointee.isOpen { child.set(cause, listingIn: ending, at: now) }
    }
  }

  /// Ends all waits in the scope in one pass. The jobs run in later turns.
  fileprivate func wakeWaiters() {
    pointee.loop.expectTurns(of: pointee.jobCount, in: waitersLink)
    waitersLink.forEach { JobPointer.of(waiter: $0).cancelWait() }
  }

  /// Cancels the scope with `done` after the jobs that are ready now have had their turn. So a job that was spawned
  /// before the handler returned reaches its first wait.
  public func endAfterReadyJobs() {
    guard pointee.life.phase == .open else { return }
    deliverPosted()
    if pointee.jobCount == 0, childrenLink.isAlone, waitersLink.isAlone, pointee.coldState == nil {
      _ = pointee.life.cancel(.done)
      pointee.loop.disarm(timer)
    } else {
      _ = pointee.life.queueEnd()
      hold()
      pointee.loop.enqueue(endOf: self)
    }
  }

  /// The turn of the end that `endAfterReadyJobs` queued.
  func takeEndTurn() {
    pointee.loop.enqueuingFirst { cancel(.done) }
    release()
  }

  /// Keeps the scope from closing until `release`.
  @inline(__always)
  public func hold() {
    if pointee.life.hold() { holdParent() }
  }

  /// Apart from `hold`, which could not be inlined if it called itself.
  @inline(never)
  private func holdParent() { pointee.parent?.hold() }

  /// Gives up a hold. A cancelled scope without holds closes at once, and with it the scopes above that waited for it.
  @inline(__always)
  public func release() {
    switch pointee.life.release() {
    case .none: break
    case .close: close()
    case .becameClosable: becameClosable()
    }
  }

  /// Nothing of the ending scope runs any more. A scope that waits for its opener does not hold its parent meanwhile,
  /// which may close it; that of a generation waits until the generation calls `close`.
  private func becameClosable() {
    if pointee.life.owner == .opener { pointee.parent?.release() } else { pointee.observer?.closed(self) }
  }

  /// Runs the deferred functions and gives the memory back. A cancelled scope does this by itself; for the scope of a
  /// generation, the generation calls it after the plugin's `stop`.
  public func close() {
    pointee.life.beginClosing()
    let isLast = childrenLink.isAlone || closeOpenedChildren()
    if isLast, pointee.deferred != nil {
      // The scope stays held until the last function has run.
      if runsOnThreads { return runDeferredCallsOnThreads() }
      pointee.loop.callHook(.deferred, of: self, runDeferredCalls, self)
    }
    // A child that goes on holds the scope, and so do jobs that a deferred function tried to spawn: after their hooks
    // the scope comes here again.
    guard pointee.life.endClosing() else { return }
    let loop = pointee.loop
    if pointee.coldState != nil { releaseColdState() }
    if !pointee.memory.isEmpty { pointee.use.memory.giveBack(pointee.memory.size) }
    loop.disarm(timer)
    if !endingLink.isAlone { endingLink.remove() }
    loop.pointee.liveScopes &-= 1
    siblingLink.remove()
    let parent = pointee.parent
    let kind = pointee.kind
    let generation = pointee.generation
    pointee.closer?.unblock(.ok)
    if loop.pointee.isChecked { quarantine() } else { releaseRecords() }
    guard let parent else { return }
    if kind == .request { parent.requestEnded() }
    parent.release()
    // The last step: the library may be unmapped now, and this record released.
    if kind == .plugin { generation?.pointee.shardClosed() }
  }

  private func requestEnded() {
    pointee.use.requests.giveBack()
    pointee.loop.pointee.liveRequests &-= 1
    if pointee.life.isRetiring, pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }

  /// Starts the retirement of a generation's scope, which takes no more requests. The generation is told when the last
  /// request has ended. After `drain` nanoseconds the scope is cancelled with `retired`, even if something still runs.
  /// Jobs with AMBIT_JOB_ONCE are cancelled now, if the generation has given them up.
  public func retire(drain: Int64) {
    pointee.life.retire()
    tellOfDraining()
    reviewOnceJobs()
    pointee.timer.fire = drainTimePassed
    pointee.loop.arm(timer, after: drain)
    if pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Sets the event of `ambit_draining`, if a plugin has asked for it.
  func tellOfDraining() { pointee.coldState?.pointee.draining?.set() }
}

extension LinkPointer {
  /// Calls the hooks of the cancelled scopes in this list, parents first, and wakes their jobs. Empties the list.
  func finishCancel() {
    forEach { ScopePointer.of(ending: $0).tellOfCancel() }
    forEach { ScopePointer.of(ending: $0).wakeWaiters() }
    while let last = popLast() { ScopePointer.of(ending: last).expectEnd() }
  }
}

/// Calls the deferred functions, the last registered first, on the loop's own stack.
private let runDeferredCalls: HookFunction = { record in
  let scope = record!.assumingMemoryBound(to: Scope.self)
  while let call = scope.pointee.deferred {
    scope.pointee.deferred = call.pointee.earlier
    call.pointee.function(call.pointee.argument)
  }
}

private let drainTimePassed: TimerFunction = { timer in
  ScopePointer.of(timer: timer).cancel(.retired)
}
