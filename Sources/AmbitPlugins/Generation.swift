package import AmbitCore
package import AmbitRuntime
internal import CAmbit
internal import Synchronization

/// One loaded version of a plugin in service: its scope on every loop, from `start` to `stop`.
///
/// Its functions are for the control thread. A retired generation stays in memory as long as its library is mapped.
@safe
package final class PluginGeneration: Sendable {
  package let plugin: LoadedPlugin
  package let settings: PluginSettingValues
  /// The plugin's name and the generation's number, as logs show it: "hello/3".
  package let label: String
  /// The plugin's routes below its prefix.
  package let routes: [BoundRoute]
  private let loops: LoopGroup
  private let record: Unchecked<GenerationPointer>
  /// The shards that have not ended, and the generation itself until it is to.
  private let running: Countdown
  /// What `end` is to call when all is over.
  private let completion = Mutex<(@Sendable () -> Void)?>(nil)
  private let progress = Mutex((phase: GenerationPhase.serving, since: Clock.wall))

  /// Opens the generation's scopes. No code of the plugin runs yet, and no route is served.
  package init(_ plugin: LoadedPlugin, settings: PluginSettingValues, loops: LoopGroup) throws(PluginRefusal) {
    let label = "\(plugin.declaration.name)/\(plugin.copy.generation)"
    let record = GenerationPointer.allocate(capacity: 1)
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let table = SettingsTable(settings.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    record.initialize(
      to: Generation(
        label: label, settings: table, runsOnThreads: plugin.declaration.flags.contains(.threads), shards: shards))
    self.plugin = plugin
    self.settings = settings
    self.label = label
    self.loops = loops
    self.record = Unchecked(record)
    running = Countdown(loops.loops.count + 1)
    routes = try plugin.boundRoutes(settings, generation: record)
    let opening = self.record
    record.pointee.shardEnded = { [self] in countDown() }
    loops.onEach { loop in opening.value.openShard(on: loop) }
  }

  /// Runs the plugin's `start` and waits for it.
  package func start(timeout: Duration) throws(PluginRefusal) {
    guard let start = plugin.declaration.start else { return }
    let gate = Gate<StartResult>()
    onFirstLoop {
      start($0)
    } then: { shard, code in
      gate.arrive(StartResult(code: code, reason: failureText(shard)))
    }
    guard let result = gate.wait(timeout: timeout.wholeNanoseconds)?.first else {
      throw refusal("start has not returned after \(timeout)")
    }
    guard result.code == 0 else {
      throw refusal("start returned \(Status(rawValue: result.code))\(result.reason)")
    }
  }

  private struct StartResult: Sendable {
    let code: Int32
    let reason: String
  }

  private func refusal(_ reason: String) -> PluginRefusal {
    PluginRefusal(errors: [
      PluginError(code: .startFailed, plugin: plugin.declaration.name, file: plugin.copy.file.path, reason: reason)
    ])
  }

  /// Why a generation ends.
  package enum Ending: Sendable {
    /// Another has taken its place: it ends after its last request, or when the drain time is over.
    case retired(drain: Duration)
    /// The host stops.
    case shutdown
  }

  /// Ends the generation, once: its scopes are cancelled, unless the plugin has done so itself; once nothing of it runs
  /// any more its `stop` is called, and what it deferred. Then a retired one's library is unloaded, if it may be, and
  /// `completion` is called, on any thread. Does not wait.
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
      onEachShard { $0.cancel(.shutdown) }
    }
    countDown()
  }

  private func countDown() {
    if running.countDown() { stop() }
  }

  /// Background work serves the requests of all loops, so it goes on until the last of them has ended.
  private func retire(drain: Duration) {
    let draining = Countdown(loops.loops.count)
    record.value.pointee.shardDrained = {
      guard draining.countDown() else { return }
      for loop in self.loops.loops {
        loop.post { [record = self.record] in record.value.pointee.shards[$0.pointee.index].cancel(.retired) }
      }
    }
    onEachShard { $0.retire(drain: drain.wholeNanoseconds) }
  }

  private func onEachShard(_ work: @escaping @Sendable (ScopePointer) -> Void) {
    loops.onEach { [record] loop in work(record.value.pointee.shards[loop.pointee.index]) }
  }

  private func stop() {
    guard let stop = plugin.declaration.stop else { return closeShards() }
    onFirstLoop {
      stop($0)
      return Status.ok.rawValue
    } then: { [self] _, _ in
      closeShards()
    }
  }

  private func closeShards() {
    let open = Countdown(loops.loops.count)
    record.value.pointee.shardClosed = { [self] in
      if open.countDown() { completion.withLock { $0 }?() }
    }
    for loop in loops.loops {
      loop.post { [record] in record.value.pointee.shards[$0.pointee.index].close() }
    }
  }

  /// Every scope is closed: the library may go, and with it what the plugin could hold pointers to.
  private func unload() {
    if let reason = plugin.unload() { return enter(.resident(reason)) }
    progress.withLock { progress in
      for route in routes { route.deallocate() }
      record.value.destroy()
      progress = (.unloaded, Clock.wall)
    }
  }

  /// What has become of it, and when that began: nanoseconds since 1970. From any thread.
  package var phase: (phase: GenerationPhase, since: Int64) { progress.withLock { $0 } }

  private func enter(_ phase: GenerationPhase) {
    progress.withLock { $0 = (phase, Clock.wall) }
  }

  /// What is in flight of each of `generations`, on those loops together that turn within `patience` nanoseconds. From
  /// threads that may block.
  package static func loads(
    of generations: [PluginGeneration], on loops: LoopGroup, within patience: Int64
  ) -> [GenerationLoad] {
    let parts = loops.onEach(within: patience) { loop in generations.map { $0.load(on: loop) } }
    return generations.indices.map { index in parts.reduce(GenerationLoad()) { $0 + $1[index] } }
  }

  /// Under the lock, so that the record stays: a loop that turns late may come here when the library is unmapped.
  private func load(on loop: LoopPointer) -> GenerationLoad {
    progress.withLock { progress in
      progress.phase == .unloaded ? GenerationLoad() : record.value.load(on: loop)
    }
  }

  /// Calls a function of the plugin as a job in its scope on the first loop, or on a thread if all its code runs there.
  private func onFirstLoop(
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then completion: @escaping @Sendable (ScopePointer, Int32) -> Void
  ) {
    loops.loops[0].post { [record] _ in record.value.pointee.shards[0].callPlugin(function, then: completion) }
  }
}

extension GenerationPointer {
  /// Opens the plugin's scope on a loop. Its record stays: plugins may keep the pointer.
  fileprivate func openShard(on loop: LoopPointer) {
    let shard = ScopePointer.allocate(capacity: 1)
    shard.open(
      below: loop.pointee.root, kind: .plugin,
      observer: ScopeObserver(
        cancelling: { _ in },
        closed: { $0.assumingMemoryBound(to: Scope.self).pointee.generation?.pointee.shardEnded() }))
    shard.pointee.generation = self
    shard.release()
    pointee.shards[loop.pointee.index] = shard
  }
}

extension DeclaredRoute {
  /// What answers the route, ready to be called.
  fileprivate var boundTarget: RouteTarget {
    switch target {
    case .handler(let handler): .handler(handler)
    case .function(let function, let signature):
      .call(RouteCall.make(function, signature, pathParameters: pattern.parameterNames))
    }
  }
}

extension LoadedPlugin {
  /// The plugin's routes below its prefix, and the configured ones to its functions.
  fileprivate func boundRoutes(
    _ settings: PluginSettingValues, generation: GenerationPointer
  ) throws(PluginRefusal) -> [BoundRoute] {
    let allBlock = declaration.flags.contains(.threads)
    let own = zip(declaration.routes, try ownPatterns(prefix: settings.prefix)).map { route, pattern in
      BoundRoute(
        pattern: pattern, target: route.boundTarget, isBlocking: allBlock || route.flags.contains(.blocking),
        finishesOnDisconnect: route.flags.contains(.finishOnDisconnect), generation: generation)
    }
    let configured = zip(settings.calls, try functions(of: settings.calls)).map { call, function in
      BoundRoute(
        pattern: call.pattern, target: call.target(function), isBlocking: allBlock || call.flags.contains(.blocking),
        finishesOnDisconnect: call.flags.contains(.finishOnDisconnect), generation: generation)
    }
    return own + configured
  }

  /// What the plugin's routes answer, and the configured ones to its functions.
  /// - Throws: also if one of these functions is not there.
  package func patterns(_ settings: PluginSettingValues) throws(PluginRefusal) -> [RoutePattern] {
    _ = try functions(of: settings.calls)
    return try ownPatterns(prefix: settings.prefix) + settings.calls.map(\.pattern)
  }

  /// What the plugin's routes answer when it is mounted below `prefix`.
  private func ownPatterns(prefix: String) throws(PluginRefusal) -> [RoutePattern] {
    guard !prefix.isEmpty else { return declaration.routes.map(\.pattern) }
    var patterns: [RoutePattern] = []
    for route in declaration.routes {
      do throws(RoutePatternError) {
        patterns.append(try route.pattern.prefixed(by: prefix))
      } catch {
        let reason = "route \(route.pattern) cannot be mounted below \(prefix): \(error)"
        throw PluginRefusal(errors: [
          PluginError(code: .malformedRoute, plugin: declaration.name, file: copy.file.path, reason: reason)
        ])
      }
    }
    return patterns
  }
}
