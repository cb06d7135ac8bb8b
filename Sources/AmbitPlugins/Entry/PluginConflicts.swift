package import AmbitCore

/// Which plugins cannot be taken in together with the others, because of a name or a route that another one has.
package enum PluginConflicts {
  /// What a plugin lays claim to.
  package struct Claim: Sendable {
    package let plugin: String
    package let file: String
    /// As they will stand in the route table, any prefix included.
    package let patterns: [RoutePattern]

    package init(plugin: String, file: String, patterns: [RoutePattern]) {
      self.plugin = plugin
      self.file = file
      self.patterns = patterns
    }
  }

  /// A plugin that wants to come in.
  package struct Candidate: Sendable {
    package let claim: Claim
    /// What serves on if this one is refused: the generation of the same file before it.
    package let predecessor: Claim?

    package init(_ claim: Claim, predecessor: Claim? = nil) {
      self.claim = claim
      self.predecessor = predecessor
    }
  }

  /// The refused candidates, by their files. A candidate gives way to everything in `standing`, to the predecessor of
  /// each refused candidate, and to the candidates whose file names sort before its own.
  ///
  /// What serves already is in `standing`, whose claims must not conflict with each other.
  package static func refusals(among candidates: [Candidate], standing: [Claim]) -> [String: PluginRefusal] {
    let ordered = candidates.sorted { $0.claim.file < $1.claim.file }
    var refused: [String: PluginRefusal] = [:]
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
          refused[candidate.claim.file] = PluginRefusal(errors: errors)
        }
      }
      // A predecessor that goes on serving can stand in the way of a candidate that was let in.
      guard refused.count > before else { return refused }
    }
  }
}

/// The names and meanings that are taken, each with its holder.
private struct Holdings {
  private var names: [String: PluginConflicts.Claim] = [:]
  private var routes: [RouteMeaning: (claim: PluginConflicts.Claim, pattern: RoutePattern)] = [:]

  mutating func add(_ claim: PluginConflicts.Claim) {
    names[claim.plugin] = claim
    for pattern in claim.patterns { routes[pattern.meaning] = (claim, pattern) }
  }

  func conflicts(with claim: PluginConflicts.Claim) -> [PluginError] {
    func error(_ code: PluginError.Code, _ reason: String) -> PluginError {
      PluginError(code: code, plugin: claim.plugin, file: claim.file, reason: reason)
    }
    let name = names[claim.plugin].map { holder in
      error(.duplicateName, "the plugin in \(holder.file) has the same name, \(claim.plugin)")
    }
    return (name.map { [$0] } ?? [])
      + claim.patterns.compactMap { pattern in
        routes[pattern.meaning].map { holder in
          error(
            .conflictingRoute,
            "route \(pattern) answers the same requests as \(holder.pattern) of plugin \(holder.claim.plugin) "
              + "(\(holder.claim.file))")
        }
      }
  }
}
