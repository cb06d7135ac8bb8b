internal import AmbitCore
package import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Synchronization

/// One loaded version of a plugin in service: its scope on every loop, from `start` to `stop`.
///
/// Its functions are for the control thread. A retired generation stays in memory as long as its library is mapped.
@safe
package final class PluginGeneration: Sendable {
  package let plugin: LoadedPlugin
  package let settings: PluginSettingValues
  /// Counts the plugin's generations, from 1; 0 in a dry run.
  package let number: UInt64
  /// The plugin's name, or the last part of a library's, and the generation's number, as logs show it: "hello/3".
  package let label: String
  /// The plugin's routes below its prefix.
  package let routes: [PluginRoute]
  /// The configured ones of these. Looked up once: the system's loader waits for constructors that do not return, and
  /// whoever asks it for anything then.
  package let libraryCalls: [LibraryCall]
  let loops: LoopGroup
  let record: Unchecked<GenerationPointer>
  /// The shards that have not ended, and the generation itself until it is to.
  let running: Latch<Void>
  /// What `end` is to call when all is over.
  let completion = Mutex<(@Sendable () -> Void)?>(nil)
  let progress: Mutex<Progress>
  /// The lifecycle call that runs, and when it began: nanoseconds since 1970.
  let lifecycleCall = Mutex<(name: StaticString, since: Int64)?>(nil)
  /// Its `start` was run, if it has one.
  let wasStarted = Atomic<Bool>(false)
  /// Its scope is open on every loop.
  let hasShards = Atomic<Bool>(false)

  struct Progress {
    var phase = GenerationPhase.serving
    var since = Clock.wall
    var file: PluginFile
    /// Why the file is refused of which this is the last good copy; empty if it is not refused.
    var fileErrors: [String] = []
  }

  /// Opens the generation's scopes. No code of the plugin runs yet, and no route is served.
  package convenience init(
    _ plugin: LoadedPlugin, number: UInt64, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginError) {
    try self.init(plugin, number: number, labelled: "\(number)", settings: settings, loops: loops)
  }

  /// A generation that serves nobody: the plugin can tell, and so can who reads the log.
  convenience init(
    dryRunOf plugin: LoadedPlugin, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginError) {
    try self.init(plugin, number: 0, labelled: "dry-run", settings: settings, loops: loops)
    record.value.pointee.isDryRun = true
  }

  private init(
    _ plugin: LoadedPlugin, number: UInt64, labelled name: String, settings: PluginSettingValues, loops: LoopGroup
  ) throws(PluginError) {
    let label = "\(plugin.shortName)/\(name)"
    let record = GenerationPointer.allocate(capacity: 1)
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let table = SettingsTable(settings.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    record.initialize(
      to: Generation(
        label: label, settings: table, runsOnThreads: plugin.declaration.flags.contains(.threads), shards: shards))
    record.pointee.imageAddress = plugin.imageAddress
    CrashReport.name(libraryAround: plugin.imageAddress, label)
    CrashReport.reclaimSignals(from: label)
    self.plugin = plugin
    self.settings = settings
    self.label = label
    self.number = number
    self.loops = loops
    self.record = Unchecked(record)
    running = Latch<Void>(expected: loops.loops.count + 1)
    progress = Mutex(Progress(file: plugin.copy.file))
    routes = try plugin.makeRoutes(settings, generation: record)
    libraryCalls = LibraryCall.all(settings.calls, of: plugin)
    if !plugin.isUsedInPlace { LibraryLanes.addUser(of: plugin.image) }
    let opening = self.record
    record.pointee.shardEnded = { [self] in countDown() }
    let openedCount = loops.onEach(within: LoopGroup.defaultTimeout) { loop in opening.value.openShard(on: loop) }.count
    guard openedCount == loops.loops.count else {
      end(.retired(drain: .zero)) {}
      throw error("no scope for it on a loop that does not turn")
    }
    hasShards.store(true, ordering: .relaxed)
  }

  /// What has become of it, and when that began: nanoseconds since 1970. From any thread.
  package var phase: (phase: GenerationPhase, since: Int64) { progress.withLock { ($0.phase, $0.since) } }

  /// The operator's file of this plugin: where it was loaded from, or where it is now. From any thread.
  package var file: PluginFile { progress.withLock { $0.file } }

  /// Why the operator's file is refused, a line for each reason, if this is the file's last good copy; else empty. From
  /// any thread.
  package var lastGoodBecause: [String] { progress.withLock { $0.fileErrors } }

  /// It is the last good copy of a file that is refused. From any thread.
  package var isLastGoodCopy: Bool { !lastGoodBecause.isEmpty }

  /// It serves as the last good copy of its file, which is refused.
  package func standsIn(for error: PluginError) {
    progress.withLock { $0.fileErrors = error.problems.map(\.description) }
  }

  /// The operator's file has its content.
  package func fileIsGood() { progress.withLock { $0.fileErrors = [] } }

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
