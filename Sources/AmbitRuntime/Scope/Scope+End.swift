public import AmbitCore

// The end of a scope, always in this order: set the cause, call hooks, wake waits, let jobs return, run deferred
// functions, give the memory back.

extension UnsafeMutablePointer<Scope> {
  /// Ends the scope and all below it for `cause`; nothing happens if it has ended before. Waits for nothing.
  ///
  /// Inside a call of a job that computes, the cause is kept now, and all else happens when the loop turns.
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

  /// The last step of a cancel: the scope closes, or its jobs are to return soon.
  fileprivate func expectEnd() {
    if pointee.jobCount > 0 || pointee.handlerJob != nil { pointee.loop.expectEnd(of: self) }
    release()
  }

  /// Ends the scope because plugin code wants it: at once, and on the other loops on which a plugin's scope has shards
  /// in one of their next turns.
  func cancelWithShards() {
    // In this order: what is cancelled may be gone.
    if pointee.kind == .plugin { pointee.generation?.onOtherLoops(than: self) { $0.cancel(.called) } }
    cancel(.called)
  }

  /// Sets the cause of the open scope and of every open scope below, before any plugin code runs, and lists these scopes,
  /// parents first. Each is held, so that nothing the plugin does when it is told makes one go away.
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

  /// Ends every wait in the scope, in one pass: the jobs run in later turns.
  fileprivate func wakeWaiters() {
    pointee.loop.expectTurns(of: pointee.jobCount, in: waitersLink)
    waitersLink.forEach { JobPointer.of(waiter: $0).cancelWait() }
  }

  /// Ends the scope with `done`, after the jobs that are ready now have had their turn: what was spawned before the
  /// handler returned reaches its first wait.
  public func endAfterReadyJobs() {
    guard pointee.life.phase == .open else { return }
    deliverPosted()
    if pointee.jobCount == 0, childrenLink.isAlone, waitersLink.isAlone, pointee.attachments == nil {
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
    if pointee.life.hold() { pointee.parent?.hold() }
  }

  /// Gives up a hold; an ending scope that has none left closes at once, and with it those above that waited for it.
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

  /// Runs what was deferred and gives the memory back. Called by the scope's own end, and for a plugin's scope, whose
  /// plugin is to be told first, by its retirement.
  public func close() {
    pointee.life.beginClosing()
    let isLast = childrenLink.isAlone || closeOpenedChildren()
    if isLast, pointee.deferred != nil {
      // The hold is given up when the last of them has run.
      if runsOnThreads { return runDeferredCallsOnThreads() }
      pointee.loop.callHook(.deferred, of: self, runDeferredCalls, self)
    }
    // A child that goes on holds the scope, and so do jobs that a deferred function tried to spawn: after their hooks the
    // scope comes here again.
    guard pointee.life.endClosing() else { return }
    let loop = pointee.loop
    if pointee.attachments != nil { detach() }
    loop.disarm(timer)
    if !endingLink.isAlone { endingLink.remove() }
    loop.pointee.liveScopes &-= 1
    siblingLink.remove()
    let parent = pointee.parent
    let kind = pointee.kind
    let generation = pointee.generation
    pointee.closer?.unblock(.ok)
    if loop.pointee.isChecked { keep() } else { letGo() }
    guard let parent else { return }
    if kind == .request { parent.requestEnded() }
    parent.release()
    // Last of all, since the library may go then, and this record with it.
    if kind == .plugin { generation?.pointee.shardClosed() }
  }

  private func requestEnded() {
    pointee.requestCount -= 1
    pointee.loop.pointee.liveRequests &-= 1
    if pointee.life.isRetiring, pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }

  /// Lets a plugin's scope take no more requests: its generation is told when the last one has ended, and after `drain`
  /// nanoseconds it ends with `retired` whatever still runs.
  public func retire(drain: Int64) {
    pointee.life.retire()
    pointee.timer.fire = drainTimePassed
    pointee.loop.arm(timer, after: drain)
    if pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }
}

extension LinkPointer {
  /// Tells all who are concerned that the scopes of this list, parents first, are cancelled; empties it.
  func finishCancel() {
    forEach { ScopePointer.of(ending: $0).tellOfCancel() }
    forEach { ScopePointer.of(ending: $0).wakeWaiters() }
    while let last = popLast() { ScopePointer.of(ending: last).expectEnd() }
  }
}

/// Calls what was deferred, last first, on the loop's own stack.
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
