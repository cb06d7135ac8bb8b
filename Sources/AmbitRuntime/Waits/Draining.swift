internal import AmbitCore

// The event of `ambit_draining`: a generation begins to drain, or all do because the worker stops.

extension UnsafeMutablePointer<Scope> {
  /// The event that is set when the generation of this scope begins to drain, for the jobs of this loop. It is made
  /// when it is first asked for; nil if there is no memory.
  var drainingEvent: EventPointer? {
    guard let shard = pointee.generation?.pointee.shards[pointee.loop.pointee.index],
      shard.pointee.state != .closed, let coldState = shard.ensureColdState()
    else { return nil }
    if let event = coldState.pointee.draining { return event }
    guard let event = shard.makeHostEvent() else { return nil }
    coldState.pointee.draining = event
    if shard.pointee.life.isRetiring || pointee.loop.pointee.isDraining { event.set() }
    return event
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Tells all generations on this loop, and those that come, that the worker drains.
  func beginDraining() {
    pointee.isDraining = true
    pointee.root.childrenLink.forEach { ScopePointer.of(sibling: $0).tellOfDraining() }
  }
}
