package import AmbitRuntime

/// What one loop had to do at one moment, with its connections.
package struct ServerReport: Sendable {
  package let loop: LoopReport
  /// Open ones, idle or not.
  package let connections: Int
  /// Buffers that hold what was received, or what is to be sent.
  package let buffers: Int
  /// Exchanges since the start.
  package let counters: HTTPCounters

  /// Looks at a loop, on the loop.
  init(of loop: LoopPointer) {
    let server = ServerPointer.on(loop)
    self.loop = LoopReport(of: loop)
    connections = server.pointee.openCount
    buffers = server.pointee.buffers.liveCount
    counters = server.pointee.counters
  }
}
