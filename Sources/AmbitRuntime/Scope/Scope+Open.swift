internal import AmbitCore
internal import CAmbit

// The beginning of a scope, in memory that somebody else owns.

extension UnsafeMutablePointer<Scope> {
  /// Opens a scope below `parent`, on the parent's loop, in memory that the caller owns until `observer.closed`.
  ///
  /// It starts with one hold, the caller's. If the parent is ending already, so is the new scope, for the same cause.
  public func open(below parent: ScopePointer, kind: Scope.Kind, observer: ScopeObserver?) {
    let loop = parent.pointee.loop
    initializeRecord(loop: loop, parent: parent, kind: kind, observer: observer)
    parent.childrenLink.append(siblingLink)
    parent.hold()
    if kind == .request {
      parent.pointee.requestCount += 1
      loop.pointee.liveRequests &+= 1
    }
    if parent.pointee.state != .open {
      pointee.state = .cancelling
      pointee.cause = parent.pointee.cause
      pointee.endingSince = loop.pointee.now
    }
  }

  @inline(__always)
  func initializeRecord(loop: LoopPointer, parent: ScopePointer?, kind: Scope.Kind, observer: ScopeObserver?) {
    loop.pointee.lastScopeID &+= loop.pointee.scopeIDStride
    loop.pointee.liveScopes &+= 1
    initialize(
      to: Scope(
        handle: ambit_scope(api: loop.pointee.api), loop: loop, parent: parent,
        sibling: Link(alone: siblingLink),
        children: Link(alone: childrenLink),
        jobs: Link(alone: jobsLink),
        endedJobs: Link(alone: endedJobsLink),
        waiters: Link(alone: waitersLink),
        latched: Link(alone: latchedLink),
        joiners: Link(alone: joinersLink),
        timer: Timer(at: timer, fire: scopeDeadlinePassed),
        deadline: .max,
        id: loop.pointee.lastScopeID, kind: kind, state: .open, cause: .none, hasFailedJob: false,
        depth: parent.map { $0.pointee.depth + 1 } ?? 0, jobCount: 0, requestCount: 0, isRetiring: false,
        isClosing: false, holds: 1,
        requestScope: kind == .request ? self : parent?.pointee.requestScope, openedAt: loop.pointee.now,
        generation: parent?.pointee.generation, request: parent?.pointee.request,
        route: parent?.pointee.route ?? UnsafeBufferPointer(start: nil, count: 0), observer: observer,
        memory: Arena(), deferred: nil))
  }
}
