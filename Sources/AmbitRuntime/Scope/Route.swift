package import AmbitCore
package import CAmbit

/// One route of one plugin generation, ready to be called. Never released, like its generation.
package struct Route {
  package let handler: ambit_handler
  /// The handler runs on a thread of the pool.
  package let isBlocking: Bool
  /// The request goes on when its client leaves.
  package let finishesOnDisconnect: Bool
  package let generation: GenerationPointer
  /// As `ambit_route_pattern` gives it, with the prefix the plugin is mounted below.
  package let pattern: ambit_str
  /// In the order of the pattern.
  package let parameterNames: [ambit_str]
}

package typealias RoutePointer = UnsafePointer<Route>

/// A route and the pattern it answers, as those hold it who build tables of routes.
@safe
package struct BoundRoute: @unchecked Sendable {
  package let pattern: RoutePattern
  package let route: RoutePointer

  package init(
    pattern: RoutePattern, handler: ambit_handler, isBlocking: Bool = false, finishesOnDisconnect: Bool = false,
    generation: GenerationPointer
  ) {
    self.pattern = pattern
    let route = UnsafeMutablePointer<Route>.allocate(capacity: 1)
    route.initialize(
      to: Route(
        handler: handler, isBlocking: isBlocking, finishesOnDisconnect: finishesOnDisconnect, generation: generation,
        pattern: .immortalCopy(pattern.description),
        parameterNames: pattern.parameterNames.map { .immortalCopy($0) }))
    self.route = RoutePointer(route)
  }
}
