internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

extension PluginGeneration {
  /// Why a generation ends.
  package enum Ending: Sendable {
    /// It was replaced or removed: it ends after its last request, or when the drain time is over.
    case retired(drain: Duration)
    /// The host stops.
    case shutdown
  }

  /// Ends the generation. Call it once; it does not wait. First the scopes are cancelled, unless the plugin has done
  /// so. When nothing of the generation runs any more, its `stop` is called, if `start` was, and its deferred
  /// functions. Then the library of a retired generation is unmapped, if it may be, and `completion` is called on any
  /// thread.
  package func end(_ ending: Ending, completion: @escaping @Sendable () -> Void) {
    enter(.retiring)
    switch ending {
    case .retired(let drain):
      self.completion.withLock { ended in
        ended = {
          onOwnThread {
            self.unload()
            completion()
          }
        }
      }
      retire(drain: drain)
    case .shutdown:
      self.completion.withLock { $0 = completion }
      record.cancel(.shutdown, isUrgent: hasShards.load(ordering: .relaxed))
    }
    countDown()
  }

  /// The host stops: cancels a generation that is being retired, without waiting for its last request any more. Does
  /// not wait.
  package func cancelRetiring() {
    record.cancel(.shutdown, isUrgent: hasShards.load(ordering: .relaxed)) { [self] isOpen in
      progress.withLock { $0.phase != .unloaded && isOpen() }
    }
  }

  /// Whether its `stop` has returned, if it has one, and nothing of it runs any more. From any thread.
  package var hasStopped: Bool { hasStoppedFlag.load(ordering: .acquiring) }

  /// One arrival: the scope has ended on a loop, or the generation itself is to end.
  func countDown() {
    if running.arrive(()) { stop() }
  }

  /// Background work serves the requests of all loops, so it goes on until the last request has ended. Only then the
  /// scopes are cancelled.
  private func retire(drain: Duration) {
    let draining = Latch<Void>(expected: loops.loops.count)
    let isUrgent = hasShards.load(ordering: .relaxed)
    record.retire(drain: drain.wholeNanoseconds, isUrgent: isUrgent) { [self] in
      guard draining.arrive(()) else { return }
      record.cancel(.retired, isUrgent: hasShards.load(ordering: .relaxed))
    }
  }

  private func stop() {
    guard let stop = unsafe plugin.declaration.stop, wasStarted.load(ordering: .relaxed) else { return closeShards() }
    lifecycleCall.withLock { $0 = ("stop", Clock.wall) }
    record.call(unsafe .stop(stop), named: "stop") { [self] _, _ in
      lifecycleCall.withLock { $0 = nil }
      closeShards()
    }
  }

  private func closeShards() {
    let open = Latch<Void>(expected: loops.loops.count)
    record.close { [self] in
      guard open.arrive(()) else { return }
      closeLane()
      hasStoppedFlag.store(true, ordering: .releasing)
      completion.withLock { $0.take() }?()
    }
  }

  /// Unmaps the library, if it may be unmapped, and releases everything that the plugin could hold pointers to. All
  /// scopes are closed.
  private func unload() {
    if let reason = plugin.unload(label, from: loops) {
      record.dropObservers()
      return enter(.resident(reason))
    }
    progress.withLock { progress in
      record.destroy()
      (progress.phase, progress.since) = (.unloaded, Clock.wall)
    }
  }

  private func enter(_ phase: GenerationPhase) {
    progress.withLock { ($0.phase, $0.since) = (phase, Clock.wall) }
  }
}
