package import AmbitCore

/// Finds plugins that cannot be loaded together because they have the same name or route.
package enum PluginConflicts {
  /// The name and routes of a plugin, or of a library with configured routes.
  package struct Claim: Sendable {
    package let plugin: String
    package let file: String
    package let routes: [Route]

    package init(plugin: String, file: String, routes: [Route]) {
      self.plugin = plugin
      self.file = file
      self.routes = routes
    }
  }

  package struct Route: Sendable {
    /// The pattern in the route table, with the prefix.
    package let pattern: RoutePattern
    /// The place in the configuration, for messages: `host.conf:12:1: route[2].call`; nil if the plugin declares it.
    package let place: String?

    package init(_ pattern: RoutePattern, place: String? = nil) {
      self.pattern = pattern
      self.place = place
    }
  }

  /// A plugin that is to be loaded.
  package struct Candidate: Sendable {
    package let claim: Claim
    /// What goes on serving if this one is refused: the previous generation of the same plugin.
    package let predecessor: Claim?

    package init(_ claim: Claim, predecessor: Claim? = nil) {
      self.claim = claim
      self.predecessor = predecessor
    }
  }

  /// The errors of the refused candidates, by file. If several candidates have one name, all of them are refused.
  /// Otherwise a candidate is refused if it conflicts with `standing`, with the predecessor of a refused candidate, or
  /// with a candidate whose file name sorts before its own.
  ///
  /// `standing` is what serves already; it must have no conflicts in itself.
  package static func errors(among candidates: [Candidate], standing: [Claim]) -> [String: PluginError] {
    let ordered = candidates.sorted { $0.claim.file < $1.claim.file }
    var refused = namesakes(among: ordered.map(\.claim))
    while true {
      var held = Holdings()
      for claim in standing { held.add(claim) }
      for candidate in ordered where refused[candidate.claim.file] != nil {
        if let predecessor = candidate.predecessor { held.add(predecessor) }
      }
      let before = refused.count
      for candidate in ordered where refused[candidate.claim.file] == nil {
        let errors = held.conflicts(with: candidate.claim)
        if errors.isEmpty {
          held.add(candidate.claim)
        } else {
          refused[candidate.claim.file] = PluginError(problems: errors)
        }
      }
      // A predecessor that goes on serving can conflict with a candidate that was accepted before.
      guard refused.count > before else { return refused }
    }
  }

  /// Refuses all files that have the same plugin name: the host cannot know which one is meant.
  private static func namesakes(among claims: [Claim]) -> [String: PluginError] {
    var refused: [String: PluginError] = [:]
    for (name, group) in Dictionary(grouping: claims, by: \.plugin) where group.count > 1 {
      for (index, claim) in group.enumerated() {
        let other = group[index == 0 ? 1 : 0]
        refused[claim.file] = error(
          of: PluginFile(path: claim.file), named: name, besides: PluginFile(path: other.file))
      }
    }
    return refused
  }

  /// The error about one of two files that have the same plugin name.
  package static func error(of file: PluginFile, named name: String, besides other: PluginFile) -> PluginError {
    PluginError(.duplicateName, file, plugin: name, "the plugin in \(other.path) has the same name, \(name)")
  }
}

/// The names and routes that are in use, each with its holder.
private struct Holdings {
  private var names: [String: PluginConflicts.Claim] = [:]
  private var routes: [RouteMeaning: Holder] = [:]

  private struct Holder {
    let claim: PluginConflicts.Claim
    let route: PluginConflicts.Route

    /// `GET /a of plugin hello (Plugins/hello.so)`; for a configured route with its place.
    var description: String {
      let isLibrary = claim.plugin == claim.file
      let place = route.place ?? (isLibrary ? nil : claim.file)
      let owner = "\(isLibrary ? "library" : "plugin") \(claim.plugin)"
      return "\(route.pattern) of \(owner)" + (place.map { " (\($0))" } ?? "")
    }
  }

  mutating func add(_ claim: PluginConflicts.Claim) {
    names[claim.plugin] = claim
    for route in claim.routes { routes[route.pattern.meaning] = Holder(claim: claim, route: route) }
  }

  func conflicts(with claim: PluginConflicts.Claim) -> [PluginProblem] {
    let name = names[claim.plugin].map { holder in
      PluginConflicts.error(
        of: PluginFile(path: claim.file), named: claim.plugin, besides: PluginFile(path: holder.file))
    }
    return (name?.problems ?? []) + routeConflicts(with: claim)
  }

  /// A configured route may also conflict with one that its own plugin declares.
  private func routeConflicts(with claim: PluginConflicts.Claim) -> [PluginProblem] {
    var holders = routes
    return claim.routes.compactMap { route in
      guard let holder = holders.updateValue(Holder(claim: claim, route: route), forKey: route.pattern.meaning) else {
        return nil
      }
      let place = route.place.map { "\($0): " } ?? ""
      return PluginProblem(
        code: .conflictingRoute, plugin: claim.plugin, file: claim.file,
        reason: "\(place)route \(route.pattern) answers the same requests as \(holder.description)")
    }
  }
}
