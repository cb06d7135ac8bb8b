internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit
internal import CLinux

extension LoadedPlugin {
  /// The functions of configured routes, in their order.
  /// - Throws: every function that is not there.
  func functions(of calls: [CallRoute]) throws(PluginRefusal) -> [ambit_function] {
    var functions: [ambit_function] = []
    var errors: [PluginError] = []
    for call in calls {
      if let address = symbol(call.symbol), !clinux_is_variable(address) {
        functions.append(unsafeBitCast(address, to: ambit_function.self))
      } else {
        let found = symbol(call.symbol) == nil ? "none of that name" : "a variable"
        let reason = "\(call.place): expected a function \(call.symbol) in it, found \(found)"
        errors.append(PluginError(code: .noFunction, plugin: declaration.name, file: copy.file.path, reason: reason))
      }
    }
    guard errors.isEmpty else { throw PluginRefusal(errors: errors) }
    return functions
  }
}

extension LoadedPlugin {
  /// The C functions behind the plugin's routes and the configured ones, as signatures write them, in the order of
  /// `patterns`; nil for a route that is answered by a handler.
  package func calls(_ settings: PluginSettingValues) -> [String?] {
    let own = declaration.routes.map { route -> String? in
      switch route.target {
      case .handler: nil
      case .function(_, let signature): signature.description
      }
    }
    return own + settings.calls.map { $0.signature.description(of: $0.symbol) }
  }
}

extension CallRoute {
  /// What answers the route, ready to be called.
  func target(_ function: @escaping ambit_function) -> RouteTarget {
    .call(RouteCall.make(function, signature, pathParameters: pattern.parameterNames, contentType: contentType))
  }
}
