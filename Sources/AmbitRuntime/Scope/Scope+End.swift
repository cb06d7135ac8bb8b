package import AmbitCore

// The end of a scope, in the one order there is: latch, tell, wake, return, deferred calls, memory.

extension UnsafeMutablePointer<Scope> {
  /// Ends the scope and all below it for `cause`; nothing happens if it has ended before. Waits for nothing.
  package func cancel(_ cause: Cause) {
    guard pointee.state == .open else { return }
    latch(cause)
    wakeWaiters()
    closeTree()
  }

  /// Keeps the first cause on the scope and on every scope below, before any plugin code runs.
  private func latch(_ cause: Cause) {
    pointee.state = .cancelling
    pointee.cause = cause
    pointee.loop.disarm(timer)
    pointee.observer?.cancelling(self)
    childrenLink.forEach { link in
      let child = ScopePointer.of(sibling: link)
      if child.pointee.state == .open { child.latch(cause) }
    }
  }

  /// Ends every wait in the scope and below, in one pass: the jobs run in later turns.
  private func wakeWaiters() {
    waitersLink.forEach { JobPointer.of(waiter: $0).wake(.cancelled) }
    childrenLink.forEach { ScopePointer.of(sibling: $0).wakeWaiters() }
  }

  /// Closes what can be closed already, children before parents.
  private func closeTree() {
    hold()
    childrenLink.forEach { ScopePointer.of(sibling: $0).closeTree() }
    release()
  }

  /// Ends the scope with `done`, after the jobs that are ready now have had their turn: what was spawned before the
  /// handler returned reaches its first wait.
  package func endAfterReadyJobs() {
    guard pointee.state == .open, readyLink.isAlone else { return }
    if pointee.jobCount == 0, childrenLink.isAlone, waitersLink.isAlone {
      pointee.state = .cancelling
      pointee.cause = .done
      pointee.loop.disarm(timer)
    } else {
      pointee.holds += 1
      pointee.loop.readyLink.append(readyLink)
    }
  }

  /// The turn of the end that `endAfterReadyJobs` queued.
  func takeEndTurn() {
    cancel(.done)
    release()
  }

  /// Keeps the scope from closing until `release`.
  @inline(__always)
  package func hold() { pointee.holds += 1 }

  /// Gives up a hold; an ending scope that has none left closes at once, and with it those above that waited for it.
  @inline(__always)
  package func release() {
    pointee.holds -= 1
    closeIfDone()
  }

  @inline(__always)
  private func closeIfDone() {
    guard pointee.holds == 0, pointee.state == .cancelling else { return }
    if pointee.kind == .plugin, !pointee.isClosing { pointee.observer?.closed(self) } else { close() }
  }

  /// Runs what was deferred and gives the memory back. Called by the scope's own end, and for a plugin's scope, whose
  /// plugin is to be told first, by its retirement.
  package func close() {
    pointee.isClosing = true
    hold()
    runDeferredCalls()
    pointee.holds -= 1
    // Jobs that a deferred function tried to spawn: after their hooks the scope comes here again.
    guard pointee.holds == 0 else { return }
    pointee.state = .closed
    let loop = pointee.loop
    while let link = endedJobsLink.popFirst() { loop.recycle(JobPointer.of(sibling: link)) }
    pointee.memory.release(to: loop)
    loop.disarm(timer)
    loop.pointee.liveScopes &-= 1
    siblingLink.remove()
    let parent = pointee.parent
    let kind = pointee.kind
    if kind != .plugin { pointee.observer?.closed(self) }
    guard let parent else { return }
    if kind == .request { parent.requestEnded() }
    parent.release()
  }

  /// Calls what was deferred, last first. A wait in such a function fails: it runs on no job's account.
  private func runDeferredCalls() {
    guard pointee.deferred != nil else { return }
    let loop = pointee.loop
    loop.withoutCurrentJob {
      while let call = pointee.deferred {
        pointee.deferred = call.pointee.earlier
        call.pointee.function(call.pointee.argument)
      }
    }
  }

  private func requestEnded() {
    pointee.requestCount -= 1
    pointee.loop.pointee.liveRequests &-= 1
    if pointee.isRetiring, pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }

  /// Lets a plugin's scope take no more requests: its generation is told when the last one has ended, and after `drain`
  /// nanoseconds it ends with `retired` whatever still runs.
  package func retire(drain: Int64) {
    pointee.isRetiring = true
    pointee.timer.fire = drainTimePassed
    pointee.loop.arm(timer, after: drain)
    if pointee.requestCount == 0 { pointee.generation?.pointee.shardDrained() }
  }
}

private let drainTimePassed: @convention(c) (UnsafeMutableRawPointer) -> Void = { owner in
  owner.assumingMemoryBound(to: Scope.self).cancel(.retired)
}
