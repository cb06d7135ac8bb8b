internal import AmbitCore
internal import AmbitRuntime

extension DeclaredRoute {
  /// What answers the route, ready to be called.
  fileprivate var boundTarget: RouteTarget {
    switch target {
    case .handler(let handler): .handler(handler)
    case .function(let function, let signature):
      .call(RouteCall.make(function, signature, pathParameters: pattern.parameterNames))
    }
  }
}

extension LoadedPlugin {
  /// The plugin's routes below its prefix, and the configured ones to its functions.
  func boundRoutes(
    _ settings: PluginSettingValues, generation: GenerationPointer
  ) throws(PluginRefusal) -> [BoundRoute] {
    let allBlock = declaration.flags.contains(.threads)
    let own = zip(declaration.routes, try ownPatterns(prefix: settings.prefix)).map { route, pattern in
      BoundRoute(
        pattern: pattern, target: route.boundTarget, isBlocking: allBlock || route.flags.contains(.blocking),
        finishesOnDisconnect: route.flags.contains(.finishOnDisconnect),
        stackSize: route.stackSize > 0 ? route.stackSize : declaration.stackSize, generation: generation)
    }
    let configured = zip(settings.calls, try functions(of: settings.calls)).map { call, function in
      BoundRoute(
        pattern: call.pattern, target: call.target(function, in: lane(of: function, call)),
        isBlocking: allBlock || call.placement.usesThread, finishesOnDisconnect: call.finishesOnDisconnect,
        stackSize: declaration.stackSize, generation: generation)
    }
    return own + configured
  }

  /// What the plugin's routes answer when it is mounted below `prefix`.
  private func ownPatterns(prefix: String) throws(PluginRefusal) -> [RoutePattern] {
    try declaration.routes.map(\.pattern).mounted(below: prefix, plugin: declaration.name, file: copy.file)
  }
}
