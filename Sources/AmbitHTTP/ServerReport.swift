package import AmbitRuntime

/// What one loop had to do at one moment, with its connections.
package struct ServerReport: Sendable {
  package let loop: LoopReport
  /// Open ones, idle or not.
  package let connections: Int
}
