package import AmbitCore
package import AmbitRuntime

/// A route of a generation: one that the plugin declares, below its prefix, or a configured one to its functions.
package struct PluginRoute: Sendable {
  package let pattern: RoutePattern
  package let entryPoint: EntryPoint
  package let finishesOnDisconnect: Bool
  /// Of answers of a C function; nil: the host's choice.
  package let contentType: String?
}

extension DeclaredRoute {
  /// What answers the route.
  fileprivate var function: EntryPoint.Function {
    switch target {
    case .handler(let handler): .handler(handler)
    case .function(let function, let signature): .foreign(function, signature, lane: nil)
    }
  }
}

extension LoadedPlugin {
  /// The plugin's routes below its prefix, and the configured ones to its functions.
  func makeRoutes(
    _ settings: PluginSettingValues, generation: GenerationPointer
  ) throws(PluginError) -> [PluginRoute] {
    let allBlock = declaration.flags.contains(.threads)
    let own = zip(declaration.routes, try ownPatterns(prefix: settings.prefix)).map { route, pattern in
      PluginRoute(
        pattern: pattern,
        entryPoint: EntryPoint(
          route.function, isBlocking: allBlock || route.flags.contains(.blocking),
          stackSize: route.stackSize > 0 ? route.stackSize : declaration.stackSize, generation: generation),
        finishesOnDisconnect: route.flags.contains(.finishOnDisconnect), contentType: nil)
    }
    let configured = zip(settings.calls, try functions(of: settings.calls)).map { call, function in
      PluginRoute(
        pattern: call.pattern,
        entryPoint: EntryPoint(
          .foreign(function, call.signature, lane: lane(of: function, call)),
          isBlocking: allBlock || call.placement.usesThread, stackSize: declaration.stackSize, generation: generation),
        finishesOnDisconnect: call.finishesOnDisconnect, contentType: call.contentType)
    }
    return own + configured
  }

  /// What the plugin's routes answer when it is mounted below `prefix`.
  private func ownPatterns(prefix: String) throws(PluginError) -> [RoutePattern] {
    try declaration.routes.map(\.pattern).mounted(below: prefix, plugin: declaration.name, file: copy.file)
  }
}
