public import AmbitCore
public import CAmbit

/// One route of one plugin generation, ready to be called. It lives as long as its generation.
public struct Route {
  public let target: RouteTarget
  /// The handler or the function runs on a thread of the pool.
  public let isBlocking: Bool
  /// The request goes on when its client leaves.
  public let finishesOnDisconnect: Bool
  /// Bytes of stack that it needs, at most `StackSize.largest`; 0: as many as handlers have.
  public let stackSize: Int
  public let generation: GenerationPointer
  /// As `ambit_route_pattern` gives it, with the prefix the plugin is mounted below.
  public let pattern: ambit_str
  /// In the order of the pattern.
  public let parameterNames: [ambit_str]
}

public typealias RoutePointer = UnsafePointer<Route>

/// What answers a route.
public enum RouteTarget {
  case handler(ambit_handler)
  /// Any C function, by its signature.
  case call(RouteCallPointer)
}

/// A route and the pattern it answers, as those hold it who build tables of routes.
@safe
public struct BoundRoute: @unchecked Sendable {
  public let pattern: RoutePattern
  public let route: RoutePointer

  public init(
    pattern: RoutePattern, target: RouteTarget, isBlocking: Bool = false, finishesOnDisconnect: Bool = false,
    stackSize: Int = 0, generation: GenerationPointer
  ) {
    self.pattern = pattern
    let route = UnsafeMutablePointer<Route>.allocate(capacity: 1)
    route.initialize(
      to: Route(
        target: target, isBlocking: isBlocking, finishesOnDisconnect: finishesOnDisconnect, stackSize: stackSize,
        generation: generation, pattern: .immortalCopy(pattern.description),
        parameterNames: pattern.parameterNames.map { .immortalCopy($0) }))
    self.route = RoutePointer(route)
  }

  /// Releases the route: no table has it any more, and no request.
  public func deallocate() {
    route.pointee.pattern.ptr?.deallocate()
    for name in route.pointee.parameterNames { name.ptr?.deallocate() }
    if case .call(let call) = route.pointee.target { call.release() }
    let record = UnsafeMutablePointer(mutating: route)
    record.deinitialize(count: 1)
    record.deallocate()
  }
}
