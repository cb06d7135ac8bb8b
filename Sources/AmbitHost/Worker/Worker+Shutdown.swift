internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The end of a worker: no new connections, then requests in flight finish, then all that still runs is cancelled and
// plugins are stopped. The host decides how long each step may take.

extension Worker {
  /// Generations that are cancelled and then stopped.
  struct Ending {
    let generations: [PluginGeneration]
    /// The labels of generations that have stopped.
    let stopped: Latch<String>
  }

  /// How long a loop is waited for at the end, in nanoseconds. A blocked loop has something left to do.
  private static var timeout: Int64 { 100_000_000 }

  /// Accepts no more connections, closes idle ones, and others after their response. Calling it again has no effect.
  /// From any thread.
  /// - Returns: whether every loop has done its part. If not, the sockets are still in use.
  func drain() -> Bool { server.drain() }

  /// How many requests are in flight; nil if a loop is blocked.
  func liveRequests() -> Int? { loops.liveRequests(within: Self.timeout) }

  /// Cancels what still runs of all generations, and stops their plugins. Does not wait: see `hasEnded`.
  func end() { end(generations.withLock { Array($0.serving.values) + Array($0.prepared.values) }) }

  /// Cancels and stops the generations that were prepared and will not be committed, because the host stops. Does not
  /// wait: see `hasEnded`.
  func endPrepared() {
    end(
      generations.withLock { generations in
        defer { generations.prepared = [:] }
        return Array(generations.prepared.values)
      })
  }

  private func end(_ ending: [PluginGeneration]) {
    let stopped = Latch<String>(expected: ending.count)
    generations.withLock { $0.ending = Ending(generations: ending, stopped: stopped) }
    for generation in ending { generation.end(.shutdown) { stopped.arrive(generation.label) } }
  }

  /// Whether all generations that were ended have stopped, and no cancelled `start` runs any more.
  var hasEnded: Bool {
    generations.withLock { generations in
      generations.ending?.stopped.isOpen ?? true && !generations.stuckStarts.contains { $0.isInLifecycleCall }
    }
  }

  /// Logs which generations have not stopped. If a loop is blocked, all generations wait for it, and only the
  /// generation that blocks it is named.
  func logRunning() {
    let (ending, stuckStarts) = generations.withLock { ($0.ending, $0.stuckStarts) }
    let stopped = Set(ending?.stopped.arrived ?? [])
    let generations =
      (ending?.generations ?? []).filter { !stopped.contains($0.label) } + stuckStarts.filter(\.isInLifecycleCall)
    let blocked = loops.blockedLoops(within: Self.timeout)
    for loop in blocked {
      logger.warning("\(loop): its plugins could not be stopped", metadata: loop.fields)
    }
    let loads = PluginGeneration.loads(of: generations, on: loops, within: Self.timeout)
    let running = zip(generations, loads).filter { blocked.isEmpty || !$1.holders.isEmpty }.map(\.0.label)
    guard !running.isEmpty else { return }
    let names = running.sorted().joined(separator: " ")
    logger.warning("plugins did not stop in time", metadata: ["running": "\(names)"])
  }
}
