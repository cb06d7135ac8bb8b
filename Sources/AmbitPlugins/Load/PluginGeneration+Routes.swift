package import AmbitCore
package import AmbitRuntime

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
