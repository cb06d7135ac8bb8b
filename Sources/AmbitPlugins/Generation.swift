internal import AmbitCore
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
  /// Counts the plugin's generations, from 1; 0 in a rehearsal.
  package let number: UInt64
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
  private let progress: Mutex<Progress>
  /// The plugin's own function that runs, and when it began: nanoseconds since 1970.
  private let ownCall = Mutex<(name: StaticString, since: Int64)?>(nil)

  private struct Progress {
    var phase = GenerationPhase.serving
    var since = Clock.wall
    var file: PluginFile
  }

  /// Opens the generation's scopes. No code of the plugin runs yet, and no route is served.
  package convenience init(
    _ plugin: LoadedPlugin, number: UInt64, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginRefusal) {
    try self.init(plugin, number: number, labelled: "\(number)", settings: settings, loops: loops)
  }

  /// A generation that serves nobody: the plugin can tell, and so can who reads the log.
  convenience init(
    rehearsing plugin: LoadedPlugin, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginRefusal) {
    try self.init(plugin, number: 0, labelled: "rehearsal", settings: settings, loops: loops)
    record.value.pointee.isRehearsal = true
  }

  private init(
    _ plugin: LoadedPlugin, number: UInt64, labelled name: String, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginRefusal) {
    let label = "\(plugin.declaration.name)/\(name)"
    let record = GenerationPointer.allocate(capacity: 1)
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let table = SettingsTable(settings.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    record.initialize(
      to: Generation(
        label: label, settings: table, runsOnThreads: plugin.declaration.flags.contains(.threads), shards: shards))
    record.pointee.imageAddress = plugin.imageAddress
    self.plugin = plugin
    self.settings = settings
    self.label = label
    self.number = number
    self.loops = loops
    self.record = Unchecked(record)
    running = Countdown(loops.loops.count + 1)
    progress = Mutex(Progress(file: plugin.copy.file))
    routes = try plugin.boundRoutes(settings, generation: record)
    let opening = self.record
    record.pointee.shardEnded = { [self] in countDown() }
    let openedCount = loops.onEach(within: Self.loopPatience) { loop in opening.value.openShard(on: loop) }.count
    guard openedCount == loops.loops.count else {
      end(.retired(drain: .zero)) {}
      throw refusal("no scope for it on a loop that does not turn")
    }
  }

  /// How long a loop may take to turn, in nanoseconds.
  private static var loopPatience: Int64 { 5_000_000_000 }

  /// Runs the plugin's `start` and waits for it. After `timeout` its waits are cancelled; nil for no limit.
  package func start(from handedOver: HandedOverState?, timeout: Duration? = nil) throws(PluginRefusal) {
    guard let start = plugin.declaration.start else { return }
    try call("start", timeout: timeout) { shard in
      shard.pointee.generation!.pointee.isStarting = true
      shard.pointee.generation!.pointee.handedOver = handedOver
    } _: { scope in
      start(scope)
    } then: { shard in
      shard.pointee.generation!.pointee.isStarting = false
      shard.pointee.generation!.pointee.handedOver = nil
    }
  }

  /// Runs the plugin's `save` while it serves on, and waits for it.
  /// - Returns: what it hands over; nil if that is nothing.
  package func save(timeout: Duration? = nil) throws(PluginRefusal) -> HandedOverState? {
    guard let save = plugin.declaration.save else { return nil }
    let saved = SavedState()
    try call("save", timeout: timeout) { shard in
      shard.pointee.generation!.pointee.isSaving = true
    } _: { scope in
      save(scope)
    } then: { shard in
      let generation = shard.pointee.generation!
      generation.pointee.isSaving = false
      saved.state.withLock { $0 = generation.pointee.saved }
      generation.pointee.saved = nil
    }
    return saved.state.withLock { $0 }
  }

  private final class SavedState: Sendable {
    let state = Mutex<HandedOverState?>(nil)
  }

  /// Whether one of the plugin's own functions runs: after a call that has failed, one that did not return in time.
  package var isInOwnCall: Bool { ownCall.withLock { $0 != nil } }

  /// - Throws: if one of the plugin's own functions still runs, which keeps its thread until it returns.
  package func refuseDuringOwnCall() throws(PluginRefusal) {
    guard let call = ownCall.withLock({ $0 }) else { return }
    let since = Timestamp.text(of: call.since)
    throw refusal("\(call.name) has not returned since \(since); nothing more is tried with it until it has")
  }

  /// Runs one of the plugin's own functions as a job in its scope, on a thread of its own, and waits for it. `prepare`
  /// runs before it and `finish` after it, on the first loop.
  private func call(
    _ name: StaticString, timeout: Duration?, preparing prepare: @escaping @Sendable (ScopePointer) -> Void,
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then finish: @escaping @Sendable (ScopePointer) -> Void
  ) throws(PluginRefusal) {
    try refuseDuringOwnCall()
    ownCall.withLock { $0 = (name, Clock.wall) }
    let gate = Gate<CallResult>()
    let began = Clock.monotonic
    onFirstLoop(name, timeout: timeout?.wholeNanoseconds ?? -1, preparing: prepare, function) { [self] shard, code in
      finish(shard)
      ownCall.withLock { $0 = nil }
      gate.arrive(CallResult(code: code, reason: failureText(shard), duration: Clock.monotonic - began))
    }
    let patience = timeout.map { ($0 + Self.returnGrace).wholeNanoseconds } ?? .max
    guard let result = gate.wait(timeout: patience)?.first else {
      throw refusal("\(name) has not returned after \((timeout! + Self.returnGrace).shortText)")
    }
    let status = Status(rawValue: result.code)
    if status == .cancelled, let timeout, result.duration >= timeout.wholeNanoseconds {
      throw refusal("\(name) did not finish within \(timeout.shortText)")
    }
    guard status == .ok else { throw refusal("\(name) returned \(status)\(result.reason)") }
  }

  /// How long a function whose waits were cancelled may take to return.
  private static var returnGrace: Duration { .seconds(1) }

  private struct CallResult: Sendable {
    let code: Int32
    let reason: String
    let duration: Int64
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
    loops.postToEach { [record] loop in work(record.value.pointee.shards[loop.pointee.index]) }
  }

  private func stop() {
    guard let stop = plugin.declaration.stop else { return closeShards() }
    onFirstLoop("stop") {
      stop($0)
      return Status.ok.rawValue
    } then: { [self] _, _ in
      closeShards()
    }
  }

  private func closeShards() {
    let open = Countdown(loops.loops.count)
    record.value.pointee.shardClosed = { [self] in
      if open.countDown() { completion.withLock { $0.take() }?() }
    }
    for loop in loops.loops {
      loop.post { [record] in record.value.pointee.shards[$0.pointee.index].close() }
    }
  }

  /// Every scope is closed: the library may go, and with it what the plugin could hold pointers to.
  private func unload() {
    if let reason = plugin.unload() {
      record.value.dropObservers()
      return enter(.resident(reason))
    }
    progress.withLock { progress in
      for route in routes { route.deallocate() }
      record.value.destroy()
      (progress.phase, progress.since) = (.unloaded, Clock.wall)
    }
  }

  /// What has become of it, and when that began: nanoseconds since 1970. From any thread.
  package var phase: (phase: GenerationPhase, since: Int64) { progress.withLock { ($0.phase, $0.since) } }

  private func enter(_ phase: GenerationPhase) {
    progress.withLock { ($0.phase, $0.since) = (phase, Clock.wall) }
  }

  /// The operator's file of this plugin: where it was loaded from, or where it is now. From any thread.
  package var file: PluginFile { progress.withLock { $0.file } }

  /// The operator has given the file another name.
  package func fileWasRenamed(to file: PluginFile) {
    progress.withLock { $0.file = file }
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

  /// Calls a function of the plugin as a job in its scope on the first loop, on a thread of its own; its waits fail after
  /// `timeout` nanoseconds, negative for never. `prepare` runs before it, on the loop. The log calls the job `name`.
  private func onFirstLoop(
    _ name: StaticString, timeout: Int64 = -1, preparing prepare: @escaping @Sendable (ScopePointer) -> Void = { _ in },
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then completion: @escaping @Sendable (ScopePointer, Int32) -> Void
  ) {
    loops.loops[0].post { [record] _ in
      record.value.pointee.shards[0].callPlugin(name, timeout: timeout, preparing: prepare, function, then: completion)
    }
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

  /// What the plugin's routes answer when it is mounted below `prefix`.
  private func ownPatterns(prefix: String) throws(PluginRefusal) -> [RoutePattern] {
    try declaration.routes.map(\.pattern).mounted(below: prefix, plugin: declaration.name, file: copy.file)
  }
}
