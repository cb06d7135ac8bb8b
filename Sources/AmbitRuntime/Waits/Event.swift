internal import AmbitCore
internal import CAmbit

/// A flag that jobs wait for, in the memory of the scope that made it: it is gone when that closes.
struct Event {
  /// What the plugin holds a pointer to: at offset 0, as the C declaration says.
  let handle: ambit_event
  /// The scope that made it.
  let scope: ScopePointer
  /// Jobs that wait for it, in the order in which they came.
  var waiters: Link
  var isSet = false
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

  /// Ends the wait of all that wait for it, and of all that will until it is reset.
  func set() {
    pointee.isSet = true
    while let link = waitersLink.popFirst() { JobPointer.of(source: link).wake(.ok) }
  }

  /// Makes later waits wait. Those that `set` has ended stay ended.
  func reset() { pointee.isSet = false }
}

extension UnsafeMutablePointer<Scope> {
  /// An event that is not set, in the scope's memory; nil if there is none.
  func makeEvent() -> EventPointer? {
    guard pointee.state != .closed, let memory = allocate(MemoryLayout<Event>.size) else { return nil }
    let event = memory.bindMemory(to: Event.self, capacity: 1)
    let handle = ambit_event(api: pointee.loop.pointee.api)
    event.initialize(to: Event(handle: handle, scope: self, waiters: Link(alone: event.waitersLink)))
    return event
  }
}

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `event` is set; `.invalid` if it belongs to neither `scope` nor one above it.
  func wait(for event: EventPointer, in scope: ScopePointer, timeout: Int64) -> Status {
    guard event.pointee.scope.encloses(scope) else { return .invalid }
    if isCancelled(in: scope) { return .cancelled }
    if event.pointee.isSet { return .ok }
    return wait(for: .event, in: event.waitersLink, of: event.pointee.scope, scope: scope, timeout: timeout)
  }
}
