package import AmbitCore
package import AmbitRuntime

/// All routes of the host at one time, with what each calls. Immutable: a reload makes a new one.
@safe
package final class RouteSet: @unchecked Sendable {
  /// A route with the policy for its requests.
  struct Member {
    let route: RoutePointer
    let policy: RoutePolicy
  }

  let table: RouteTable
  /// In the order of the table.
  let members: UnsafeMutableBufferPointer<Member>
  let options: RoutingOptions

  /// - Parameter changes: What the configuration says of single routes; what matches none of `routes` has no effect.
  /// - Throws: the first two routes that have the same meaning.
  package init(
    _ routes: [BoundRoute], changes: [RouteChange] = [], options: RoutingOptions = RoutingOptions()
  ) throws(RouteConflict) {
    table = try RouteTable(routes.map(\.pattern))
    self.options = options
    members = .allocate(capacity: routes.count)
    for (index, route) in routes.enumerated() {
      let policy = RoutePolicy(of: route.route, changes: changes.filter { $0.pattern == route.pattern })
      members.initializeElement(at: index, to: Member(route: route.route, policy: policy))
    }
  }

  /// No routes at all.
  static let empty = RouteSet()

  private init() {
    table = RouteTable()
    options = RoutingOptions()
    members = .allocate(capacity: 0)
  }

  deinit { members.deallocate() }
}

/// What holds for the requests of all routes, and can change with them.
package struct RoutingOptions: Sendable {
  /// Responses name the generation whose handler was called.
  package var exposesGeneration = false
  /// A client that closes its sending side only has not left.
  package var allowsHalfClose = false

  package init() {}
}
