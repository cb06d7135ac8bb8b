package import AmbitCore
package import AmbitRuntime

/// All routes of the host at one time, with what each calls. Immutable: a reload makes a new one.
@safe
package final class RouteSet: @unchecked Sendable {
  let table: RouteTable
  let routes: UnsafeMutablePointer<RoutePointer>
  /// Responses name the generation whose handler was called.
  let exposesGeneration: Bool

  /// - Throws: the first two routes that have the same meaning.
  package init(_ routes: [BoundRoute], exposesGeneration: Bool = false) throws(RouteConflict) {
    table = try RouteTable(routes.map(\.pattern))
    self.exposesGeneration = exposesGeneration
    self.routes = .allocate(capacity: max(routes.count, 1))
    for (index, route) in routes.enumerated() { (self.routes + index).initialize(to: route.route) }
  }

  /// No routes at all.
  static let empty = RouteSet()

  private init() {
    table = RouteTable()
    exposesGeneration = false
    routes = .allocate(capacity: 1)
  }

  deinit { routes.deallocate() }
}
