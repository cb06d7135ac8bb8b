package import AmbitCore

/// Which plugins cannot be taken in together with the others, because of a name or a route that another one has.
package enum PluginConflicts {
  /// What a plugin, or a library with configured routes, lays claim to.
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
    /// As it will stand in the route table, any prefix included.
    package let pattern: RoutePattern
    /// Where it is configured, for messages: `host.conf:12:1: route[2].call`; nil for one that the plugin declares.
    package let place: String?

    package init(_ pattern: RoutePattern, place: String? = nil) {
      self.pattern = pattern
      self.place = place
    }
  }

  /// A plugin that wants to come in.
  package struct Candidate: Sendable {
    package let claim: Claim
    /// What serves on if this one is refused: the generation of the same plugin before it.
    package let predecessor: Claim?

    package init(_ claim: Claim, predecessor: Claim? = nil) {
      self.claim = claim
      self.predecessor = predecessor
    }
  }

  /// The refused candidates, by their files. Of candidates with one name all are refused. Else a candidate gives way to
  /// everything in `standing`, to the predecessor of each refused candidate, and to the candidates whose file names sort
  /// before its own.
  ///
  /// What serves already is in `standing`, whose claims must not conflict with each other.
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
      // A predecessor that goes on serving can stand in the way of a candidate that was let in.
      guard refused.count > before else { return refused }
    }
  }

  /// Nobody can tell which of several files with one plugin's name is meant.
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

  /// Why one of two files that are the same plugin is not taken in.
  package static func error(of file: PluginFile, named name: String, besides other: PluginFile) -> PluginError {
    PluginError(.duplicateName, file, plugin: name, "the plugin in \(other.path) has the same name, \(name)")
  }
}

/// The names and meanings that are taken, each with its holder.
private struct Holdings {
  private var names: [String: PluginConflicts.Claim] = [:]
  private var routes: [RouteMeaning: Holder] = [:]

  private struct Holder {
    let claim: PluginConflicts.Claim
    let route: PluginConflicts.Route

    /// `GET /a of plugin hello (Plugins/hello.so)`; of a configured route it is its place that tells most.
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

  /// A configured route may also stand in the way of one that its own plugin declares.
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
