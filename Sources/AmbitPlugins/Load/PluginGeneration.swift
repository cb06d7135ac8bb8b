package import AmbitCore
package import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Synchronization

/// One loaded version of a plugin in service: its scope on every loop, from `start` to `stop`.
///
/// Its functions are for the control thread, unless they say otherwise. A retired generation stays in memory as long as
/// its library is mapped.
package final class PluginGeneration: Sendable {
  package let plugin: LoadedPlugin
  package let settings: PluginSettingValues
  /// Counts the plugin's generations, from 1; 0 in a dry run.
  package let number: UInt64
  /// The plugin's name, or the last part of a library's, and the generation's number, as logs show it: "hello/3".
  package let label: String
  /// The plugin's routes below its prefix.
  package let routes: [PluginRoute]
  /// The configured routes among them. Looked up once, because a lookup blocks while a constructor hangs: the system's
  /// loader holds its lock during constructors.
  let mappedCalls: [MappedCall]
  let loops: LoopGroup
  let record: GenerationRecord
  /// Opens once the scope has ended on each loop and `end` was called.
  let running: Latch<Void>
  /// Called once everything has ended: the closure that `end` was given.
  let completion = Mutex<(@Sendable () -> Void)?>(nil)
  let progress: Mutex<Progress>
  /// Its `stop` has returned, and its scope is closed on every loop.
  let hasStoppedFlag = Atomic<Bool>(false)
  /// The lifecycle call that runs, and when it began: nanoseconds since 1970.
  let lifecycleCall = Mutex<(name: StaticString, since: Int64)?>(nil)
  /// `start` was called, or the plugin has none.
  let wasStarted = Atomic<Bool>(false)
  /// Its scope is open on every loop.
  let hasShards = Atomic<Bool>(false)

  struct Progress {
    var phase = GenerationPhase.serving
    var since = Clock.wall
    var file: PluginFile
    /// Why the operator's file is refused, if this is its last good copy; else empty.
    var fileErrors: [String] = []
  }

  /// Opens the generation's scopes, unless a loop is blocked when `isStopping` returns true. No code of the plugin runs
  /// yet, and no route is served.
  package convenience init(
    _ plugin: LoadedPlugin, number: UInt64, settings: PluginSettingValues, limits: PluginLimits, loops: LoopGroup,
    unless isStopping: () -> Bool = { false }
  ) throws(PluginError) {
    try self.init(
      plugin, number: number, labelled: "\(number)", settings: settings, limits: limits, loops: loops,
      unless: isStopping)
  }

  /// A generation for a dry run, which serves nobody. The plugin finds the extension `ambit.dry_run/1`, and the log has
  /// the label "hello/dry-run".
  convenience init(
    dryRunOf plugin: LoadedPlugin, settings: PluginSettingValues, limits: PluginLimits, loops: LoopGroup
  ) throws(PluginError) {
    try self.init(
      plugin, number: 0, labelled: "dry-run", settings: settings, limits: limits, loops: loops, unless: { false })
    record.markDryRun()
  }

  private init(
    _ plugin: LoadedPlugin, number: UInt64, labelled name: String, settings: PluginSettingValues,
    limits: PluginLimits, loops: LoopGroup, unless isStopping: () -> Bool
  ) throws(PluginError) {
    let label = "\(plugin.shortName)/\(name)"
    plugin.prepareSwift(isChecked: loops.isChecked)
    record = GenerationRecord(
      label: label, of: plugin.declaration.name, limits: plugin.isForeign ? .none : limits,
      settings: settings.values, runsOnThreads: plugin.declaration.flags.contains(.threads),
      isLibrary: plugin.isForeign, usesSwift: plugin.swift == .ofHost, imageAddress: plugin.imageAddress, loops: loops)
    CrashReport.name(libraryAround: plugin.imageAddress, label)
    for address in plugin.broughtLibraries { CrashReport.name(broughtLibraryAround: address, label) }
    Signals.reclaim(from: label)
    self.plugin = plugin
    self.settings = settings
    self.label = label
    self.number = number
    self.loops = loops
    running = Latch<Void>(expected: loops.loops.count + 1)
    progress = Mutex(Progress(file: plugin.copy.file))
    routes = try plugin.makeRoutes(settings, generation: record)
    mappedCalls = MappedCall.all(settings.calls, of: plugin)
    if !plugin.isUsedInPlace { LibraryLanes.addUser(of: plugin.image) }
    let isOpen = record.openShards(
      of: plugin.shortName, within: LoopGroup.defaultTimeout, unless: isStopping
    ) { [self] in countDown() }
    guard isOpen else {
      end(.retired(drain: .zero)) {}
      throw error("cannot open its scope on every event loop: a loop is blocked")
    }
    hasShards.store(true, ordering: .relaxed)
  }

  /// The phase, and when it began in nanoseconds since 1970. From any thread.
  package var phase: (phase: GenerationPhase, since: Int64) { progress.withLock { ($0.phase, $0.since) } }

  /// The operator's file of this plugin, by its current path. From any thread.
  package var file: PluginFile { progress.withLock { $0.file } }

  /// Why the operator's file is refused, a line for each reason, if this is the file's last good copy; else empty. From
  /// any thread.
  package var lastGoodBecause: [String] { progress.withLock { $0.fileErrors } }

  /// Whether it is the last good copy of a file that is refused. From any thread.
  package var isLastGoodCopy: Bool { !lastGoodBecause.isEmpty }

  /// Notes that it serves as the last good copy of its file, which is refused with `error`.
  package func standsIn(for error: PluginError) {
    progress.withLock { $0.fileErrors = error.problems.map(\.description) }
  }

  /// Notes that the operator's file has its content.
  package func fileIsGood() { progress.withLock { $0.fileErrors = [] } }

  /// Notes that the operator has renamed the file.
  package func fileWasRenamed(to file: PluginFile) {
    progress.withLock { $0.file = file }
  }

  /// Limits what it may use from now on, unless it is a library. From any thread; does not wait.
  package func limit(to limits: PluginLimits) {
    if !plugin.isForeign { loops.limit(record.use, to: limits) }
  }

  /// What it uses at the moment, and its limits. From any thread.
  package var use: GenerationUseReport { loops.report(on: record.use) }

  /// The requests and jobs of each of `generations`, summed over the loops that answer within `timeout` nanoseconds.
  /// From threads that may block.
  package static func loads(
    of generations: [PluginGeneration], on loops: LoopGroup, within timeout: Int64
  ) -> [GenerationLoad] {
    let parts = unsafe loops.onEach(within: timeout) { loop in generations.map { unsafe $0.load(on: loop) } }
    return generations.indices.map { index in parts.reduce(GenerationLoad()) { $0 + $1[index] } }
  }

  /// How many requests of each of `generations` have begun, on the loops that answer within `timeout` nanoseconds, by
  /// label. From threads that may block.
  package static func begunRequests(
    of generations: [PluginGeneration], on loops: LoopGroup, within timeout: Int64
  ) -> [String: Int] {
    let parts = unsafe loops.onEach(within: timeout) { loop in
      generations.map { generation in
        generation.progress.withLock { progress in
          progress.phase == .unloaded ? 0 : unsafe generation.record.begunRequests(on: loop)
        }
      }
    }
    let sums = generations.enumerated().map { index, generation in
      (generation.label, parts.reduce(0) { $0 + $1[index] })
    }
    return Dictionary(sums) { $1 }
  }

  /// Under the lock, which keeps the record: a loop that was blocked may come here after the library was unmapped.
  private func load(on loop: LoopPointer) -> GenerationLoad {
    progress.withLock { progress in
      progress.phase == .unloaded ? GenerationLoad() : unsafe record.load(on: loop)
    }
  }
}

/// The life of a generation.
package enum GenerationPhase: Sendable, Equatable {
  /// Its routes are served, or soon will be.
  case serving
  /// It gets no new requests. Running requests and jobs go on.
  case retiring
  /// It has ended, and its library stays mapped, for the reason given.
  case resident(String)
  /// Its library is unmapped.
  case unloaded
}

/// The settings of one plugin in `host.conf`.
package struct PluginSettingValues: Codable, Sendable, Equatable {
  /// The path its routes are mounted below; empty for none.
  package let prefix: String
  package let values: [String: String]
  /// The configured routes to functions of its library.
  package let calls: [CallRoute]

  package init(prefix: String, values: [String: String], calls: [CallRoute] = []) {
    self.prefix = prefix
    self.values = values
    self.calls = calls
  }
}

/// A route of a generation: either the plugin declares it, below its prefix, or `host.conf` has it for a function.
package struct PluginRoute: Sendable {
  package let pattern: RoutePattern
  package let entryPoint: EntryPoint
  package let finishesOnDisconnect: Bool
  /// The `Content-Type` of a C function's answers; nil: the host chooses.
  package let contentType: String?
}

extension DeclaredRoute {
  /// The function that answers the route.
  fileprivate var function: EntryPoint.Function {
    switch target {
    case .handler(let handler): unsafe .handler(handler)
    case .function(let function, let signature): .foreign(function, signature, lane: nil)
    }
  }
}

extension LoadedPlugin {
  /// The plugin's routes below its prefix, and the configured routes to its functions.
  func makeRoutes(
    _ settings: PluginSettingValues, generation: GenerationRecord
  ) throws(PluginError) -> [PluginRoute] {
    let allBlock = declaration.flags.contains(.threads)
    let own = zip(declaration.routes, try ownPatterns(prefix: settings.prefix)).map { route, pattern in
      PluginRoute(
        pattern: pattern,
        entryPoint: generation.entryPoint(
          route.function, isBlocking: allBlock || route.flags.contains(.blocking),
          stackSize: route.stackSize > 0 ? route.stackSize : declaration.stackSize),
        finishesOnDisconnect: route.flags.contains(.finishOnDisconnect), contentType: nil)
    }
    let configured = zip(settings.calls, try functions(of: settings.calls)).map { call, function in
      PluginRoute(
        pattern: call.pattern,
        entryPoint: generation.entryPoint(
          .foreign(function, call.signature, lane: lane(of: function, call)),
          isBlocking: allBlock || call.placement.usesThread, stackSize: declaration.stackSize),
        finishesOnDisconnect: call.finishesOnDisconnect, contentType: call.contentType)
    }
    return own + configured
  }

  /// The patterns of the plugin's routes below `prefix`.
  private func ownPatterns(prefix: String) throws(PluginError) -> [RoutePattern] {
    try declaration.routes.map(\.pattern).mounted(below: prefix, plugin: declaration.name, file: copy.file)
  }
}
