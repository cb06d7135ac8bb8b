internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime

/// The decisions of `PluginRepository` for a start or a reload, as a value: it names files and numbers, and holds
/// nothing that is loaded.
///
/// A worker prepares the generations of the plan. Generations that fail there move to `refusals` before the commit.
struct ReloadPlan: Sendable {
  /// The generations to load and start, in this order.
  var generations: [PlannedGeneration] = []
  /// The files of plugins and libraries that go on serving as they are, by name.
  var kept: [String: PluginFile] = [:]
  /// The names of plugins and libraries that serve and whose files are gone.
  var removed: [String] = []
  /// Why plugins and libraries are refused, by file. The generations before them serve on.
  var refusals: [String: PluginError] = [:]
  /// Why a file is refused whose last good copy is in `generations`, by file. These files are not in `refusals`.
  var fallbacks: [String: PluginError] = [:]
  /// Warnings about plugins and libraries that serve nevertheless, by file.
  var notes: [String: [String]] = [:]
  /// Notices for the operator about what the configuration allows, a line each.
  var notices: [String] = []
  /// Changes of routes in the configuration that cannot be made, a line each.
  var routeErrors: [String] = []
  /// The changes of single routes by the configuration.
  var routeChanges: [RouteChange] = []
  var routingOptions = RoutingOptions()
  /// All plugin files in the directory and all libraries of configured routes.
  var files: [PluginFile] = []
  /// The paths of files whose plugins and libraries are linked with others of which the present workers keep an older
  /// version: only new workers can load them.
  var filesForNewWorkers: Set<String> = []
  /// The names of generations that are served although no running worker has tried them.
  var untried: Set<String> = []
  /// The paths of files whose last good copy was looked for.
  var triedLastGood: Set<String> = []

  /// All errors, a line each: refused plugins first, then changes of routes.
  var errors: [String] { refusals.lines + routeErrors }

  /// Decides whether the plan may be carried out in spite of its errors.
  ///
  /// A change of a route may belong to a plugin that was refused, so it counts only if there is no such plugin.
  /// - Parameter refusing: one refused plugin refuses the whole plan. Otherwise plugins reload independently.
  /// - Throws: all errors.
  func validate(refusing: Bool) throws(HostError) {
    if refusing, !refusals.isEmpty { throw HostError(errors) }
    if !routeErrors.isEmpty, refusals.isEmpty, fallbacks.isEmpty { throw HostError(routeErrors) }
  }

  /// The names of plugins and libraries in `serving` that have neither a generation here nor a file, not even a refused
  /// one.
  func missing(from serving: [String: ServingPlugin]) -> [String] {
    let refused = Set(refusals.values.flatMap(\.problems).map(\.plugin))
    let named = Set(generations.map(\.name)).union(kept.keys).union(refused)
    return serving.keys.filter { !named.contains($0) && refusals[serving[$0]!.file.path] == nil }.sorted()
  }

  /// Refuses a last good copy with the reasons against its file as well.
  mutating func refuseFallbacks() {
    for (file, refusal) in refusals {
      if let first = fallbacks.removeValue(forKey: file) { refusals[file] = first.adding(lastGood: refusal) }
    }
  }
}

extension ReloadPlan {
  /// Takes the generations that only new workers can load out of the plan.
  /// - Returns: a plan of these generations.
  mutating func takeForNewWorkers() -> ReloadPlan {
    var later = ReloadPlan()
    (later.routeChanges, later.routingOptions) = (routeChanges, routingOptions)
    (later.files, later.notes) = (files, notes)
    later.generations = generations.filter { filesForNewWorkers.contains($0.file) }
    for index in later.generations.indices {
      later.generations[index].boundCalls = later.generations[index].libraryCalls
    }
    generations.removeAll { filesForNewWorkers.contains($0.file) }
    return later
  }

  /// What a worker needs for the commit of the plan.
  var commitOrder: CommitOrder {
    CommitOrder(
      removed: removed, kept: kept, fallbacks: fallbacks, routeChanges: routeChanges, routingOptions: routingOptions)
  }
}

extension [String: PluginError] {
  /// All reasons, a line each, sorted by file.
  var lines: [String] { sorted { $0.key < $1.key }.flatMap { $0.value.problems.map(\.description) } }
}

/// A generation for a worker to load: a plugin that has passed its dry run, or a library of configured routes.
struct PlannedGeneration: Codable, Sendable {
  enum Source: Codable, Sendable {
    /// A private copy, and what its entry said in the dry run.
    case plugin(PluginCopy, PluginManifest)
    /// A library that is no plugin: a private copy, or a file that is used in place.
    case library(PluginCopy)
    /// A library that serves already, with other routes. A worker that has it uses it as it is loaded.
    case loadedLibrary(PluginCopy)
  }

  var source: Source
  let settings: PluginSettingValues
  /// The routes below the prefix, those of the plugin first, then the configured ones.
  let patterns: [RoutePattern]
  /// Where a library is configured, `host.conf:7`; nil for a plugin.
  let place: String?
  /// The configured routes of a library, each with the image that its function lies in.
  let libraryCalls: [LibraryCall]
  /// What the plugin may use; for libraries of no meaning.
  var limits = PluginLimits()
  /// What the author of the plugin should change, a line each.
  var warnings: [String] = []
  /// The generation number; 0 until `PluginRepository` has assigned it.
  var number: UInt64 = 0
  /// Another generation uses the same copy, so this one must not remove it.
  var sharesCopy = false
  /// The configured routes as a worker has bound them; nil until it has prepared the generation.
  var boundCalls: [LibraryCall]?
  /// The state that its `start` gets from a worker that has no older generation of the plugin to ask; nil if there is
  /// none.
  var handedOver: HandedOverState?
  /// Set if it takes the place of a generation that is rolled back. That one is not asked for its state.
  var rollBack: RollBack?
  /// The hash of the last good copy of its file if that has another content.
  var otherLastGood: String?

  struct RollBack: Codable, Sendable {
    /// Why the generation before ends.
    let reason: String
    /// The label of the generation whose content this is; nil for the last good copy of an earlier host.
    let contentOf: String?
  }

  init(_ copy: PluginCopy, _ manifest: PluginManifest, _ settings: PluginSettingValues, patterns: [RoutePattern]) {
    source = .plugin(copy, manifest)
    (self.settings, self.patterns, place, libraryCalls) = (settings, patterns, nil, [])
  }

  init(library source: Source, _ settings: PluginSettingValues, at place: String, calling calls: [LibraryCall]) {
    (self.source, self.settings, patterns) = (source, settings, settings.calls.map(\.pattern))
    (self.place, libraryCalls) = (place, calls)
  }

  /// The plugin's name; of a library, what the configuration calls it.
  var name: String {
    switch source {
    case .plugin(_, let manifest): manifest.name
    case .library, .loadedLibrary: copy.file.path
    }
  }

  /// The operator's file.
  var file: String { copy.file.path }

  /// The name in labels and in names of copies.
  var shortName: String {
    switch source {
    case .plugin(_, let manifest): manifest.name
    case .library, .loadedLibrary: copy.file.lastName
    }
  }

  var label: String { "\(shortName)/\(number)" }

  var copy: PluginCopy {
    get {
      switch source {
      case .plugin(let copy, _), .library(let copy), .loadedLibrary(let copy): copy
      }
    }
    set {
      switch source {
      case .plugin(_, let manifest): source = .plugin(newValue, manifest)
      case .library: source = .library(newValue)
      case .loadedLibrary: source = .loadedLibrary(newValue)
      }
    }
  }

  /// The copy that is removed if this generation is dropped before it is loaded; nil if others use it.
  var ownCopy: PluginCopy? {
    if case .loadedLibrary = source { return nil }
    return sharesCopy ? nil : copy
  }

  var isPlugin: Bool { manifest != nil }

  var manifest: PluginManifest? { if case .plugin(_, let manifest) = source { manifest } else { nil } }

  /// All code of the plugin runs on threads.
  var runsOnThreads: Bool { manifest?.flags.contains(.threads) ?? false }

  /// Whether each route runs on a thread by its plugin or its configuration, in the order of `patterns`.
  var blocking: [Bool] {
    (manifest?.routes ?? []).map { runsOnThreads || $0.flags.contains(.blocking) }
      + settings.calls.map { runsOnThreads || $0.placement.usesThread }
  }

  /// The bytes of stack that the plugin asks for at each route, 0 for none, in the order of `patterns`.
  var stackSizes: [Int] { (manifest?.routes.map(\.stackSize) ?? []) + settings.calls.map { _ in 0 } }

  /// The name and the routes that this generation claims.
  var claim: PluginConflicts.Claim {
    let own = patterns.dropLast(settings.calls.count).map { PluginConflicts.Route($0) }
    let configured = settings.calls.map { PluginConflicts.Route($0.pattern, place: $0.place) }
    return .init(plugin: name, file: file, routes: own + configured)
  }

  /// The C functions behind the routes, as signatures write them, in the order of `patterns`; nil for a route that a
  /// handler answers.
  var functions: [String?] {
    (manifest?.routes.map(\.signature) ?? []) + settings.calls.map { $0.signature.description(of: $0.symbol) }
  }

  /// Where these functions run, in the same order. `all` are the calls of all generations of the plan.
  func placements(among all: [LibraryCall]) -> [String?] {
    let own = (manifest?.routes ?? []).map { route -> String? in
      guard route.signature != nil else { return nil }
      let isBlocking = runsOnThreads || route.flags.contains(.blocking)
      return CallPlacement.ofPlugin(isBlocking: isBlocking).text(sharesOwnThread: false)
    }
    return own
      + settings.calls.map { call in
        let named = settings.calls.contains { $0.placement == .ownThread }
        let shares = libraryCalls.first { $0.call == call }?.sharesOwnThread(among: all) ?? named
        return call.placement.text(sharesOwnThread: shares)
      }
  }
}
