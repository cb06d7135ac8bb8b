internal import AmbitCore

// Scopes that plugins open inside others, and close.

/// Options of a scope, read from `ambit_scope_options`.
struct ScopeOptions {
  var name: UnsafePointer<CChar>?
  /// Nanoseconds; 0 or less: the scope has no deadline of its own.
  var timeout: Int64 = 0
  var maxJobs = UInt32.max
  var isFailFast = false
}

extension UnsafeMutablePointer<Scope> {
  /// The largest depth of nested scopes. It is limited because the end of a scope recurses on a fiber's stack.
  private static var greatestDepth: UInt32 { 64 }

  /// Opens a scope inside this one. The plugin holds it until it closes it. `.cancelled` if this scope has been
  /// cancelled, `.limit` if scopes are nested too deep, or if its record would be above the plugin's limit of memory.
  ///
  /// A scope that the plugin never closes is closed with its parent, when both have no jobs left. Until then the plugin
  /// may use its handle and its memory.
  func openChild(_ options: ScopeOptions) -> (Status, ScopePointer?) {
    guard pointee.isOpen else { return (.cancelled, nil) }
    guard pointee.depth < Self.greatestDepth else { return (.limit, nil) }
    guard pointee.use.memory.take(MemoryLayout<Scope>.size) else {
      return (pointee.use.memory.limit.statusNoted(), nil)
    }
    let child = pointee.loop.takeScope()
    child.open(below: self, kind: .child, owner: .opener, observer: openedScopeObserver)
    child.pointee.memory.include(MemoryLayout<Scope>.size)
    child.pointee.mark = pointee.mark.ofChild(child.pointee.id)
    child.pointee.maxJobs = options.maxJobs
    child.pointee.isFailFast = options.isFailFast
    if let name = options.name { child.pointee.name = child.copy(CString.bytes(name)) }
    if options.timeout > 0 { _ = child.setTimeout(options.timeout) }
    return (.ok, child)
  }

  /// Closes a scope from `openChild`: cancels the jobs that are left in it and waits, as `job`, until it is closed. A
  /// cancel does not end this wait. `.wrongState` if the scope is not from `openChild`, if it is already being closed,
  /// or if the job runs in it.
  func closeChild(as job: JobPointer) -> Status {
    if pointee.life.owner != .opener { return .wrongState.noting("expected an open scope of ambit_open") }
    if job.runs(in: self) { return .wrongState.noting("the job itself runs in the scope") }
    cancel(.called)
    takeFromOpener()
    pointee.closer = job
    job.prepareToBlock()
    release()
    return job.block(for: .close)
  }

  /// Closes the scopes below that the plugin has not closed, the last opened first. False if one of them goes on
  /// because a deferred function has tried to spawn a job in it.
  func closeOpenedChildren() -> Bool {
    while !childrenLink.isAlone {
      let child = ScopePointer.of(sibling: childrenLink.pointee.previous)
      guard child.pointee.life.owner == .opener, child.pointee.life.phase == .closable else { return false }
      child.takeFromOpener()
      child.release()
    }
    return true
  }

  /// Ends the opener's part in the scope. The caller gives up the opener's hold.
  private func takeFromOpener() {
    if pointee.life.leaveOpener() { pointee.parent?.hold() }
  }
}

extension UnsafeMutablePointer<Job> {
  /// Whether the job belongs to `scope` or to one below it.
  fileprivate func runs(in scope: ScopePointer) -> Bool {
    var next: ScopePointer? = pointee.scope
    while let own = next, own.pointee.depth > scope.pointee.depth { next = own.pointee.parent }
    return next == scope
  }
}

private let openedScopeObserver = ScopeObserver(
  cancelling: { _ in },
  closed: { record in
    let scope = record.assumingMemoryBound(to: Scope.self)
    scope.pointee.loop.recycle(scope)
  })
