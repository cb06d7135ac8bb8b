package import AmbitCore
package import AmbitRuntime
internal import CAmbit

/// One route of one plugin generation, ready to be called. It lives as long as its generation.
struct Route {
  let target: RouteTarget
  /// The handler or the function runs on a thread of the pool.
  let isBlocking: Bool
  /// The request goes on when its client leaves.
  let finishesOnDisconnect: Bool
  /// Bytes of stack that the route needs, at most `StackSize.largest`; 0: the default of handlers.
  let stackSize: Int
  let generation: GenerationPointer
  /// What threads show the supervisor that work for its requests.
  let mark: WorkMark
  /// As `ambit_route_pattern` gives it, with the prefix the plugin is mounted below.
  let pattern: ambit_str
  /// In the order of the pattern.
  let parameterNames: [ambit_str]
}

typealias RoutePointer = UnsafePointer<Route>

/// What answers a route.
enum RouteTarget {
  case handler(ambit_handler)
  /// Any C function, by its signature.
  case function(FunctionRoutePointer)
}

/// A route that a plugin declares, or that the configuration adds: a pattern and what answers the requests it matches.
package struct RouteDeclaration: Sendable {
  package let pattern: RoutePattern
  let entryPoint: EntryPoint
  let finishesOnDisconnect: Bool
  let contentType: String?

  /// - Parameters:
  ///   - finishesOnDisconnect: The request goes on when its client leaves.
  ///   - contentType: The `Content-Type` of a function's answers that are not JSON; nil: `text/plain`.
  package init(
    pattern: RoutePattern, entryPoint: EntryPoint, finishesOnDisconnect: Bool = false, contentType: String? = nil
  ) {
    self.pattern = pattern
    self.entryPoint = entryPoint
    self.finishesOnDisconnect = finishesOnDisconnect
    self.contentType = contentType
  }

  /// The route, which is made at its first use. From the control thread only.
  var route: RoutePointer {
    if let record = entryPoint.prepared as? RouteRecord { return record.route }
    let record = RouteRecord(self)
    entryPoint.prepared = record
    return record.route
  }
}

/// Owns the memory of a route.
private final class RouteRecord {
  let route: RoutePointer

  init(_ declaration: RouteDeclaration) {
    let entryPoint = declaration.entryPoint
    let pattern = declaration.pattern
    let target: RouteTarget =
      switch entryPoint.function {
      case .handler(let handler): .handler(handler)
      case .foreign(let function, let signature, let lane):
        .function(
          FunctionRoute.make(
            function, signature, pathParameters: pattern.parameterNames, contentType: declaration.contentType,
            lane: lane, isOfLibrary: entryPoint.generation.pointee.isLibrary))
      }
    let record = UnsafeMutablePointer<Route>.allocate(capacity: 1)
    record.initialize(
      to: Route(
        target: target, isBlocking: entryPoint.isBlocking, finishesOnDisconnect: declaration.finishesOnDisconnect,
        stackSize: entryPoint.stackSize, generation: entryPoint.generation,
        mark: WorkMark(originOf: entryPoint.generation.pointee.label, label: pattern.description),
        pattern: .immortalCopy(pattern.description),
        parameterNames: pattern.parameterNames.map { .immortalCopy($0) }))
    route = RoutePointer(record)
  }

  deinit {
    route.pointee.mark.releaseOrigin()
    route.pointee.pattern.ptr?.deallocate()
    for name in route.pointee.parameterNames { name.ptr?.deallocate() }
    if case .function(let function) = route.pointee.target { function.release() }
    let record = UnsafeMutablePointer(mutating: route)
    record.deinitialize(count: 1)
    record.deallocate()
  }
}
