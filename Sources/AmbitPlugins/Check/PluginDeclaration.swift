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
package struct PluginFlags: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let unloadable = PluginFlags(rawValue: AMBIT_PLUGIN_UNLOADABLE)
  package static let threads = PluginFlags(rawValue: AMBIT_PLUGIN_THREADS)

  static let known: PluginFlags = [.unloadable, .threads]
}

/// The `AMBIT_ROUTE_` flags of a route.
package struct RouteFlags: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let blocking = RouteFlags(rawValue: AMBIT_ROUTE_BLOCKING)
  package static let finishOnDisconnect = RouteFlags(rawValue: AMBIT_ROUTE_FINISH_ON_DISCONNECT)

  static let known: RouteFlags = [.blocking, .finishOnDisconnect]
}
