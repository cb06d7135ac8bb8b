internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

// How a generation ends.

extension PluginGeneration {
  /// Why a generation ends.
  package enum Ending: Sendable {
    /// Another has taken its place: it ends after its last request, or when the drain time is over.
    case retired(drain: Duration)
    /// The host stops.
    case shutdown
  }

  /// Ends the generation, once: its scopes are cancelled, unless the plugin has done so itself; once nothing of it runs
  /// any more its `stop` is called, unless its `start` never was, and what it deferred. Then a retired one's library is
  /// unloaded, if it may be, and `completion` is called, on any thread. Does not wait.
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
      endEachShard { $0.cancel(.shutdown) }
    }
    countDown()
  }

  /// A shard has ended, or the generation is to.
  func countDown() {
    if running.arrive(()) { stop() }
  }

  /// Background work serves the requests of all loops, so it goes on until the last of them has ended.
  private func retire(drain: Duration) {
    let draining = Latch<Void>(expected: loops.loops.count)
    record.value.pointee.shardDrained = {
      guard draining.arrive(()) else { return }
      self.endEachShard { $0.cancel(.retired) }
    }
    endEachShard { $0.retire(drain: drain.wholeNanoseconds) }
  }

  /// Runs `work`, which ends the plugin's scope or says when it ends, on each loop: a job that computes is told of it.
  /// Before its turn only where all scopes are open, since one might have to be opened first.
  private func endEachShard(_ work: @escaping @Sendable (ScopePointer) -> Void) {
    guard hasShards.load(ordering: .relaxed) else { return onEachShard(work) }
    loops.postUrgentToEach { [record] loop in work(record.value.pointee.shards[loop.pointee.index]) }
  }

  private func onEachShard(_ work: @escaping @Sendable (ScopePointer) -> Void) {
    loops.postToEach { [record] loop in work(record.value.pointee.shards[loop.pointee.index]) }
  }

  private func stop() {
    guard let stop = plugin.declaration.stop, wasStarted.load(ordering: .relaxed) else { return closeShards() }
    onFirstLoop("stop") {
      stop($0)
      return Status.ok.rawValue
    } then: { [self] _, _ in
      closeShards()
    }
  }

  private func closeShards() {
    let open = Latch<Void>(expected: loops.loops.count)
    record.value.pointee.shardClosed = { [self] in
      guard open.arrive(()) else { return }
      closeLane()
      completion.withLock { $0.take() }?()
    }
    onEachShard { $0.close() }
  }

  /// Every scope is closed: the library may go, and with it what the plugin could hold pointers to.
  private func unload() {
    if let reason = plugin.unload(from: loops) {
      record.value.dropObservers()
      return enter(.resident(reason))
    }
    progress.withLock { progress in
      record.value.destroy()
      (progress.phase, progress.since) = (.unloaded, Clock.wall)
    }
  }

  private func enter(_ phase: GenerationPhase) {
    progress.withLock { ($0.phase, $0.since) = (phase, Clock.wall) }
  }
}
