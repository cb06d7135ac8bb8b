package import AmbitCore
package import CAmbit

/// The checked entry of a plugin, in values of the host.
///
/// Sendable although it holds C functions: they are addresses in a library that is never unmapped.
@safe
package struct PluginDeclaration: @unchecked Sendable {
  /// Matches `[a-z][a-z0-9_-]*`.
  package let name: String
  /// One line; empty if the plugin does not say.
  package let version: String
  /// One line; empty if the plugin does not say.
  package let about: String
  package let flags: PluginFlags
  /// Bytes of stack for handlers whose routes do not say; 0: the host's default.
  package let stackSize: Int
  /// In the order of the entry; no two have the same meaning.
  package let routes: [DeclaredRoute]
  package let start: ambit_handler?
  package let stop: ambit_stop_fn?
  package let save: ambit_handler?
}

/// One route of a plugin. Sendable for the same reason as the declaration.
@safe
package struct DeclaredRoute: @unchecked Sendable {
  /// The function that answers the route.
  @safe
  package enum Target {
    case handler(ambit_handler)
    /// Any C function, with its signature.
    case function(ambit_function, CSignature)
  }

  package let pattern: RoutePattern
  package let target: Target
  package let flags: RouteFlags
  /// Bytes of stack that it needs; 0: the plugin's.
  package let stackSize: Int
}

/// The `AMBIT_PLUGIN_` flags of an entry.
package struct PluginFlags: OptionSet, Codable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let unloadable = PluginFlags(rawValue: AMBIT_PLUGIN_UNLOADABLE)
  package static let threads = PluginFlags(rawValue: AMBIT_PLUGIN_THREADS)

  static let known: PluginFlags = [.unloadable, .threads]
}

/// The `AMBIT_ROUTE_` flags of a route.
package struct RouteFlags: OptionSet, Codable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let blocking = RouteFlags(rawValue: AMBIT_ROUTE_BLOCKING)
  package static let finishOnDisconnect = RouteFlags(rawValue: AMBIT_ROUTE_FINISH_ON_DISCONNECT)

  static let known: RouteFlags = [.blocking, .finishOnDisconnect]
}

/// A plugin's entry as a plain value, which can be sent from one process to another.
package struct PluginManifest: Codable, Sendable, Equatable {
  package struct Route: Codable, Sendable, Equatable {
    /// Without the plugin's prefix.
    package let pattern: RoutePattern
    package let flags: RouteFlags
    /// Bytes of stack that it asks for; 0: as many as the plugin's.
    package let stackSize: Int
    /// The signature of a function route; nil for a handler.
    package let signature: String?
  }

  package let name: String
  package let version: String
  package let about: String
  /// The ABI that it was built for: "1.0".
  package let abi: String
  package let flags: PluginFlags
  /// Bytes of stack for routes that ask for none; 0: as many as the host's.
  package let stackSize: Int
  package let routes: [Route]

  /// What is probably a mistake in the signatures of its function routes, a line each.
  package var doubts: [String] {
    routes.enumerated().flatMap { index, route in
      let signature = route.signature.flatMap { try? CSignature(parsing: $0) }
      return (signature?.doubts(on: route.pattern) ?? []).map { "routes[\(index)].signature: \($0)" }
    }
  }

  /// The patterns below `prefix`, "" for none, of the plugin in `file`.
  /// - Throws: the first pattern that is not valid there, and why.
  package func patterns(prefix: String, of file: PluginFile) throws(PluginError) -> [RoutePattern] {
    try routes.map(\.pattern).mounted(below: prefix, plugin: name, file: file)
  }
}

extension PluginManifest {
  init(of plugin: LoadedPlugin) {
    let declaration = plugin.declaration
    self.init(
      name: declaration.name, version: declaration.version, about: declaration.about, abi: plugin.abi,
      flags: declaration.flags, stackSize: declaration.stackSize,
      routes: declaration.routes.map { route in
        let signature: String? =
          if case .function(_, let signature) = route.target { signature.description } else { nil }
        return Route(pattern: route.pattern, flags: route.flags, stackSize: route.stackSize, signature: signature)
      })
  }
}

extension [RoutePattern] {
  /// The patterns of a plugin's routes below `prefix`, "" for none.
  /// - Throws: the first pattern that is not valid there, and why.
  func mounted(below prefix: String, plugin: String, file: PluginFile) throws(PluginError) -> [RoutePattern] {
    guard !prefix.isEmpty else { return self }
    var patterns: [RoutePattern] = []
    for pattern in self {
      do throws(RoutePatternError) {
        patterns.append(try pattern.prefixed(by: prefix))
      } catch {
        let reason = "route \(pattern) cannot be mounted below \(prefix): \(error)"
        throw PluginError(.malformedRoute, file, plugin: plugin, reason)
      }
    }
    return patterns
  }
}
