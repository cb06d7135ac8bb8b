internal import AmbitCore

// Waiting for something that a scope owns and several jobs share.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, for `kind` in `waiters`, a list of something in the memory of `owner`, until a `wake`
  /// ends that. With a timeout of 0 it does not wait: `.timedOut`.
  ///
  /// The owner is held meanwhile. Its end wakes the waits in it and below, but a job of a scope above may be shielded,
  /// and whoever has been woken looks at what it waited for once more, in a later turn.
  func wait(
    for kind: WaitKind, in waiters: LinkPointer, of owner: ScopePointer, scope: ScopePointer, timeout: Int64
  ) -> Status {
    if timeout == 0 { return .timedOut }
    owner.hold()
    waiters.append(sourceLink)
    let status = suspend(for: kind, in: scope, timeout: timeout)
    owner.release()
    return status
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Whether what belongs to this scope may be waited for in `scope`: that is this one or one below it, so that it ends
  /// no later.
  func encloses(_ scope: ScopePointer) -> Bool {
    var scope = scope
    while scope.pointee.depth > pointee.depth { scope = scope.pointee.parent! }
    return scope == self
  }
}
