package import AmbitCore

/// What the configuration changes of the route that has exactly this pattern. What is nil stays as it is.
package struct RouteChange: Sendable {
  package let pattern: RoutePattern
  /// Nanoseconds from a request's head to its end; `Int64.max`: none.
  package let timeout: Int64?
  package let isBlocking: Bool?
  package let finishesOnDisconnect: Bool?
  /// Bytes of stack that the handler or function needs.
  package let stackSize: Int?

  package init(
    pattern: RoutePattern, timeout: Int64?, isBlocking: Bool?, finishesOnDisconnect: Bool?, stackSize: Int? = nil
  ) {
    self.pattern = pattern
    self.timeout = timeout
    self.isBlocking = isBlocking
    self.finishesOnDisconnect = finishesOnDisconnect
    self.stackSize = stackSize
  }
}
