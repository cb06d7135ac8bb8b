internal import AmbitCore
internal import CAmbit

/// A flag that jobs wait for. It lies in the memory of the scope that made it and lives until that closes.
struct Event {
  /// The structure to which the plugin holds a pointer. At offset 0, as the C declaration says.
  let handle: ambit_event
  /// The scope that made it.
  let scope: ScopePointer
  /// Jobs that wait for it, in order of arrival.
  var waiters: Link
  var isSet = false
  /// Plugins only wait for it: see `ambit_draining`.
  let isOfHost: Bool
}

typealias EventPointer = UnsafeMutablePointer<Event>

extension UnsafeMutablePointer<Event> {
  @inline(__always) fileprivate var waitersLink: LinkPointer { pointer(to: \.waiters)! }

  /// The pointer that plugins hold.
  var asHandle: UnsafeMutablePointer<ambit_event> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: ambit_event.self)
  }

  /// The event behind the pointer a plugin passed.
  static func of(_ handle: UnsafeMutablePointer<ambit_event>) -> EventPointer {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Event.self)
  }

  /// Wakes all jobs that wait for it. Until `reset`, later waits return at once.
  func set() {
    pointee.isSet = true
    while let link = waitersLink.popFirst() { JobPointer.of(source: link).wake(.ok) }
  }

  /// Why a job that runs elsewhere cannot wait for it.
  fileprivate var mismatch: String {
    pointee.isOfHost
      ? "the event of ambit_draining is for another event loop or plugin: make that call where you wait for it"
      : "the event belongs to another scope"
  }

  /// Lets later waits wait again. Jobs that `set` has woken go on.
  func reset() { pointee.isSet = false }
}

extension UnsafeMutablePointer<Scope> {
  /// An event of the plugin that is not set, in the scope's memory; `.limit` as in `allocateWithinLimit`.
  func makeEvent() -> (Status, EventPointer?) {
    guard pointee.state != .closed else { return (.closed, nil) }
    let (status, memory) = allocateWithinLimit(MemoryLayout<Event>.size)
    return (status, memory.map { makeEvent(in: $0, isOfHost: false) })
  }

  /// An event of the host that is not set, in the scope's memory; nil if there is no memory.
  func makeHostEvent() -> EventPointer? {
    allocate(MemoryLayout<Event>.size).map { makeEvent(in: $0, isOfHost: true) }
  }

  private func makeEvent(in memory: UnsafeMutableRawPointer, isOfHost: Bool) -> EventPointer {
    let event = memory.bindMemory(to: Event.self, capacity: 1)
    let handle = ambit_event(api: pointee.loop.pointee.api)
    event.initialize(
      to: Event(handle: handle, scope: self, waiters: Link(alone: event.waitersLink), isOfHost: isOfHost))
    return event
  }
}

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `event` is set. Returns `.invalid` if the event belongs neither to `scope` nor to
  /// a scope above it.
  func wait(for event: EventPointer, in scope: ScopePointer, timeout: Int64) -> Status {
    guard event.pointee.scope.encloses(scope) else { return .invalid(because: event.mismatch) }
    if isCancelled(in: scope) { return .cancelled }
    if event.pointee.isSet { return .ok }
    return wait(for: .event, in: event.waitersLink, of: event.pointee.scope, scope: scope, timeout: timeout)
  }
}

// Waits for something that a scope owns and several jobs share: events and channels.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, in `waiters`, a list in the memory of `owner`, until `wake` is called on the job. With
  /// a timeout of 0 it returns `.timedOut` at once.
  ///
  /// Holds `owner` during the wait. The end of `owner` wakes all waits in it and below, but a job that was woken reads
  /// the list's memory once more in a later turn, and a shielded job of a scope above waits on.
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
  /// Whether `scope` is this scope or lies below it, and so ends no later. Only then may a job in `scope` wait for
  /// something that belongs to this scope.
  func encloses(_ scope: ScopePointer) -> Bool {
    var scope = scope
    while scope.pointee.depth > pointee.depth { scope = scope.pointee.parent! }
    return scope == self
  }
}
