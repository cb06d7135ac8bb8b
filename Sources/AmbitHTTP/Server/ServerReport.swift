package import AmbitRuntime

/// The load of one loop at one moment, and its connections.
package struct ServerReport: Codable, Sendable {
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

/// Counts of the exchanges of one loop, or of several added up. An exchange counts when it has left its carrier,
/// whether or not a plugin saw it.
package struct HTTPCounters: Sendable, Equatable {
  /// By the hundreds of the status: `responses[2]` counts 200 to 299. `responses[0]` counts exchanges without a
  /// response.
  private var responses = InlineArray<6, Int>(repeating: 0)
  /// Bytes of responses that were handed to connections, with heads and framing.
  package private(set) var bytesSent: Int64 = 0

  package init() {}

  /// Responses with a status of this class: 2 for 200 to 299; 0 for none.
  package func responses(ofClass hundreds: Int) -> Int { responses[hundreds] }

  /// All exchanges.
  package var exchanges: Int { responses.indices.reduce(0) { $0 &+ responses[$1] } }

  /// Adds an exchange that is over.
  @inline(__always)
  mutating func add(_ record: ExchangeRecord) {
    responses[Int(record.status / 100)] &+= 1
    bytesSent &+= record.bytesSent
  }

  package static func + (one: HTTPCounters, other: HTTPCounters) -> HTTPCounters {
    var sum = one
    for index in sum.responses.indices { sum.responses[index] &+= other.responses[index] }
    sum.bytesSent &+= other.bytesSent
    return sum
  }

  package static func == (one: HTTPCounters, other: HTTPCounters) -> Bool {
    one.bytesSent == other.bytesSent && one.responses.indices.allSatisfy { one.responses[$0] == other.responses[$0] }
  }
}

extension HTTPCounters: Codable {
  package init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    for index in responses.indices { responses[index] = try container.decode(Int.self) }
    bytesSent = try container.decode(Int64.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    for index in responses.indices { try container.encode(responses[index]) }
    try container.encode(bytesSent)
  }
}
