internal import AmbitCore

// Closed scopes in checked mode. Plugins may still have handles of them, of their jobs, and of events and channels in
// their memory; so that such a handle is told from one that is good, the records are not used again at once.

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var keptLink: LinkPointer { pointer(to: \.keptScopes)! }

  /// So many closed scopes a loop keeps: a handle is recognised as stale until as many others have closed since.
  private static var most: Int { 4096 }

  /// Keeps a scope that has just closed, with its jobs and its memory, and lets go of the oldest if there are too many.
  fileprivate func keep(_ scope: ScopePointer) {
    keptLink.append(scope.siblingLink)
    pointee.keptCount += 1
    guard pointee.keptCount > Self.most, let oldest = keptLink.popFirst() else { return }
    pointee.keptCount -= 1
    ScopePointer.of(sibling: oldest).letGo()
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The last step of a close in checked mode.
  func keep() {
    endedJobsLink.forEach { JobPointer.of(sibling: $0).pointee.state = .forgotten }
    if pointee.kind != .plugin { pointee.loop.keep(self) }
  }

  /// The last step of a close: the memory and the records of jobs are used again, and the scope's own if the observer
  /// will.
  @inline(__always)
  func letGo() {
    let loop = pointee.loop
    while let link = endedJobsLink.popFirst() { loop.recycle(JobPointer.of(sibling: link)) }
    if !pointee.memory.isEmpty { pointee.memory.release(to: loop) }
    if pointee.kind != .plugin { pointee.observer?.closed(self) }
  }
}
