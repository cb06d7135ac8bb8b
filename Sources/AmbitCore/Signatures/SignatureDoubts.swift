extension CSignature {
  /// What is probably a mistake in the signature of a route with this pattern, although the route works, a line each.
  ///
  /// A function with a scope may read the path itself. A parameter whose name begins with `_` is meant to be unused.
  public func doubts(on pattern: RoutePattern) -> [String] {
    let inPath = pattern.parameterNames
    let named: [(name: String, hasDefault: Bool)] = parameters.compactMap { parameter in
      guard case .named(let name) = parameter.source else { return nil }
      return (name, parameter.defaultValue != nil)
    }
    let takesScope = parameters.contains { $0.source == .scope }
    let unused = takesScope ? [] : inPath.filter { name in !name.hasPrefix("_") && !named.contains { $0.name == name } }
    let others = named.map(\.name).filter { !inPath.contains($0) }
    return unused.map { name in
      let advice = suggestion(for: name, among: others).map { "did you mean {\($0)}?" }
      return "no argument takes {\(name)} of \(pattern); \(advice ?? "if that is meant, call it {_\(name)}")"
    }
      + named.filter { $0.hasDefault && inPath.contains($0.name) }.map { argument in
        "the default value of `\(argument.name)` is never used: {\(argument.name)} of \(pattern) is in every path"
      }
  }
}
