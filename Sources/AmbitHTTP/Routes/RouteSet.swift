package import AmbitCore
internal import AmbitRuntime

/// All routes of the host at one time, with the function that each calls. Immutable: a reload makes a new set.
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

  /// From the control thread only.
  /// - Parameter changes: of single routes, by the configuration. A change that matches none of `routes` has no effect.
  /// - Throws: the first two routes that have the same meaning.
  package init(
    _ routes: [RouteDeclaration], changes: [RouteChange] = [], options: RoutingOptions = RoutingOptions()
  ) throws(RouteConflict) {
    table = try RouteTable(routes.map(\.pattern))
    self.options = options
    members = .allocate(capacity: routes.count)
    for (index, declaration) in routes.enumerated() {
      let route = declaration.route
      let policy = RoutePolicy(of: route, changes: changes.filter { $0.pattern == declaration.pattern })
      members.initializeElement(at: index, to: Member(route: route, policy: policy))
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

/// Options for the requests of all routes. A reload can change them.
package struct RoutingOptions: Codable, Sendable {
  /// Responses name the generation whose handler was called.
  package var exposesGeneration = false
  /// A client that closes its sending side only has not left.
  package var allowsHalfClose = false

  package init() {}
}

/// How the requests of a route are treated: as the configuration says, else as the plugin asks for.
struct RoutePolicy {
  /// Nanoseconds from a request's head to its end; `Int64.max`: none; nil: the limit of the listener.
  var timeout: Int64?
  /// The handler or function runs on a thread of the pool.
  var isBlocking: Bool
  /// The request goes on when its client leaves.
  var finishesOnDisconnect: Bool
  /// The handler does not simply run on the stack of its connection: it is blocking, asks for a larger stack, or is in
  /// Swift.
  var runsElsewhere: Bool
  /// Bytes of stack that the route asks for; 0: none.
  var stackSize: UInt32
  /// How many bytes of the body are received before the request takes a thread; 0: none.
  var bodyBuffer: UInt32

  init(of route: RoutePointer, changes: [RouteChange]) {
    timeout = nil
    isBlocking = route.pointee.isBlocking
    finishesOnDisconnect = route.pointee.finishesOnDisconnect
    stackSize = UInt32(clamping: route.pointee.stackSize)
    runsElsewhere = false
    bodyBuffer = if case .function = route.pointee.target { Self.functionBodyBuffer } else { 0 }
    for change in UnavailableRoutes.has(route) ? [] : changes {
      timeout = change.timeout ?? timeout
      isBlocking = change.isBlocking ?? isBlocking
      finishesOnDisconnect = change.finishesOnDisconnect ?? finishesOnDisconnect
      stackSize = change.stackSize.map { UInt32(clamping: $0) } ?? stackSize
      bodyBuffer = change.bodyBuffer.map { UInt32(clamping: $0) } ?? bodyBuffer
    }
    runsElsewhere = isBlocking || stackSize > 0 || route.pointee.generation.pointee.usesSwift
  }
}

extension RoutePolicy {
  /// `bodyBuffer` of function routes: 64 KiB.
  private static var functionBodyBuffer: UInt32 { 65536 }
}

/// A change by the configuration to the route that has exactly this pattern. Values that are nil change nothing.
package struct RouteChange: Codable, Sendable {
  package let pattern: RoutePattern
  /// Nanoseconds from a request's head to its end; `Int64.max`: none.
  package let timeout: Int64?
  package let isBlocking: Bool?
  package let finishesOnDisconnect: Bool?
  /// Bytes of stack that the handler or function needs.
  package let stackSize: Int?
  /// How many bytes of the body are received before the request takes a thread; 0: none.
  package let bodyBuffer: Int?

  package init(
    pattern: RoutePattern, timeout: Int64?, isBlocking: Bool?, finishesOnDisconnect: Bool?, stackSize: Int? = nil,
    bodyBuffer: Int? = nil
  ) {
    self.pattern = pattern
    self.timeout = timeout
    self.isBlocking = isBlocking
    self.finishesOnDisconnect = finishesOnDisconnect
    self.stackSize = stackSize
    self.bodyBuffer = bodyBuffer
  }
}
