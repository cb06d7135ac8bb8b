internal import AmbitCore
internal import AmbitPlugins

extension PluginRepository {
  /// A plugin that has passed its dry run, or a library, with what the configuration says of it.
  struct Candidate {
    enum Origin {
      case plugin(PluginCopy, PluginManifest)
      /// With the image that each function of its routes lies in, in their order.
      case library(PluginCopy, images: [String])
      /// A library that is loaded already, and gets other routes.
      case loaded(LoadedPlugin)
    }

    let origin: Origin
    let settings: PluginSettingValues
    let patterns: [RoutePattern]
    /// Where a library is asked for, `host.conf:7`; nil of a plugin.
    let place: String?

    init(origin: Origin, settings: PluginSettingValues, patterns: [RoutePattern]) {
      (self.origin, self.settings, self.patterns, place) = (origin, settings, patterns, nil)
    }

    /// A library, whose routes are the configured ones.
    init(_ library: Origin, _ settings: PluginSettingValues, at place: String) {
      (origin, self.settings, patterns, self.place) = (library, settings, settings.calls.map(\.pattern), place)
    }

    var name: String {
      switch origin {
      case .plugin(_, let manifest): manifest.name
      case .library, .loaded: copy.file.path
      }
    }

    var file: String { copy.file.path }

    /// In logs and the names of copies.
    var shortName: String {
      switch origin {
      case .plugin(_, let manifest): manifest.name
      case .library, .loaded: copy.file.lastName
      }
    }

    private var copy: PluginCopy {
      switch origin {
      case .plugin(let copy, _), .library(let copy, _): copy
      case .loaded(let library): library.copy
      }
    }

    /// The copy that nothing has loaded here, and that goes if the candidate does; nil if there is none.
    var unloadedCopy: PluginCopy? {
      if case .loaded = origin { nil } else { copy }
    }

    /// The C functions behind the routes, as signatures write them, in the order of `patterns`; nil for a route that is
    /// answered by a handler.
    var calls: [String?] {
      let own: [String?] = if case .plugin(_, let manifest) = origin { manifest.routes.map(\.signature) } else { [] }
      return own + settings.calls.map { $0.signature.description(of: $0.symbol) }
    }

    /// Where these functions run, in the same order; `all` are the calls of all candidates.
    func placements(among all: [LibraryCall]) -> [String?] {
      var own: [String?] = []
      if case .plugin(_, let manifest) = origin {
        own = manifest.routes.map { route in
          let placement = CallPlacement.ofPlugin(isBlocking: runsOnThreads || route.flags.contains(.blocking))
          return route.signature == nil ? nil : placement.text(sharesOwnThread: false)
        }
      }
      let libraryCalls = libraryCalls
      return own
        + settings.calls.map { call in
          let named = settings.calls.contains { $0.placement == .ownThread }
          let shares = libraryCalls.first { $0.call == call }?.sharesOwnThread(among: all) ?? named
          return call.placement.text(sharesOwnThread: shares)
        }
    }

    /// The configured calls of a library.
    var libraryCalls: [LibraryCall] {
      switch origin {
      case .plugin: []
      case .library(let copy, let images): LibraryCall.all(settings.calls, of: copy, in: images)
      case .loaded(let library): LibraryCall.all(settings.calls, of: library)
      }
    }

    /// All of its code runs on threads.
    var runsOnThreads: Bool {
      if case .plugin(_, let manifest) = origin { manifest.flags.contains(.threads) } else { false }
    }

    var isPlugin: Bool { if case .plugin = origin { true } else { false } }

    /// The configured routes are the last of `patterns`.
    var claim: PluginConflicts.Claim {
      let own = patterns.dropLast(settings.calls.count).map { PluginConflicts.Route($0) }
      let configured = settings.calls.map { PluginConflicts.Route($0.pattern, place: $0.place) }
      return .init(plugin: name, file: file, routes: own + configured)
    }
  }
}

/// What directory and configuration have come to.
struct ReloadPlan {
  /// The files of what serves as it is, with the same settings, by name.
  var kept: [String: PluginFile] = [:]
  var candidates: [PluginRepository.Candidate] = []
  /// By file.
  var refusals: [String: PluginError] = [:]
  /// What the operator should know of a plugin or library although it serves, by file.
  var notes: [String: [String]] = [:]
  /// What the operator should know and did allow for.
  var notices: [String] = []
  /// All that there is in the plugin directory and among the libraries of configured routes.
  var files: [PluginFile] = []
  /// Why files are refused of which the last good copy is a candidate, by file; they are not in `refusals`.
  var fallbacks: [String: PluginError] = [:]
  /// The files of which the last good copy was looked for.
  var triedLastGood: Set<String> = []
  /// The names of what serves and of which nothing is left, not even a file that was refused.
  var removed: [String] = []

  /// Last good copies that are refused because of others are refused with the reasons against their files.
  mutating func forgetRefusedFallbacks() {
    for (file, refusal) in refusals {
      if let first = fallbacks.removeValue(forKey: file) { refusals[file] = first.adding(lastGood: refusal) }
    }
  }

  /// The names in `serving` of which neither a candidate nor a file, be it refused, is there.
  func missing(from serving: [String: PluginGeneration]) -> [String] {
    let refused = Set(refusals.values.flatMap(\.problems).map(\.plugin))
    let named = Set(candidates.map(\.name)).union(kept.keys).union(refused)
    return serving.keys.filter { !named.contains($0) && refusals[serving[$0]!.file.path] == nil }.sorted()
  }
}
