internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit
internal import CLinux

extension LoadedPlugin {
  /// The functions of configured routes, in their order.
  /// - Throws: every function that is not there.
  func functions(of calls: [CallRoute]) throws(PluginError) -> [ambit_function] {
    try functions(calls.map(WantedFunction.init))
  }

  /// Refuses configured routes to functions that are not there, or may not run where they are to.
  package func check(_ calls: [CallRoute]) throws(PluginError) { try check(calls.map(WantedFunction.init)) }

  /// The functions of these names, in their order.
  /// - Throws: every function that is not there, or may not run where it is to.
  @discardableResult
  func check(_ wanted: [WantedFunction]) throws(PluginError) -> [ambit_function] {
    let functions = try functions(wanted)
    try refuseUnknownSafety(of: wanted, functions)
    return functions
  }

  /// The functions of these names, in their order.
  /// - Throws: every function that is not there.
  @discardableResult
  func functions(_ wanted: [WantedFunction]) throws(PluginError) -> [ambit_function] {
    var functions: [ambit_function] = []
    var errors: [PluginProblem] = []
    for function in wanted {
      if let address = symbol(function.symbol), !clinux_is_variable(address) {
        functions.append(unsafeBitCast(address, to: ambit_function.self))
      } else {
        let found = symbol(function.symbol) == nil ? "none of that name" : "a variable"
        let reason = "\(function.place): expected a function \(function.symbol) in it, found \(found)"
        errors.append(PluginProblem(code: .noFunction, plugin: declaration.name, file: copy.file.path, reason: reason))
      }
    }
    guard errors.isEmpty else { throw PluginError(problems: errors) }
    return functions
  }
}
