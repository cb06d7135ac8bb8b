package import AmbitCore

/// What the server puts up with from clients.
package struct HTTPLimits: Sendable {
  package var head = HeadLimits()
  /// Bytes of a request body.
  package var maxBody: Int64 = 8 << 20
  /// Nanoseconds from a request's head to its end; `Int64.max`: none.
  package var requestTimeout: Int64 = 30_000_000_000
  /// Nanoseconds from the first byte of a head to its last.
  package var headTimeout: Int64 = 10_000_000_000
  /// Nanoseconds that a connection may stay without a request, or take no byte of a response.
  package var idleTimeout: Int64 = 75_000_000_000

  package init() {}
}
