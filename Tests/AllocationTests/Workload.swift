import TestSupport
import Testing

/// One request, sent over and over.
struct Workload: Sendable {
  static let warming = 2_000
  static let measured = 10_000

  let request: String
  /// How many are sent in one piece. A divisor of both counts.
  let pipelined: Int

  init(_ request: String, pipelined: Int = 1) {
    self.request = request
    self.pipelined = pipelined
  }
}

extension Workload {
  /// The allocations that `measured` requests make in a host that has served `warming` of them.
  func allocations() async throws -> Int {
    try await hostAllocations(
      after: { _, connection in try send(Self.warming, on: connection) },
      during: { _, connection in try send(Self.measured, on: connection) })
  }

  private func send(_ count: Int, on connection: Client) throws {
    let piece = String(repeating: request, count: pipelined)
    for _ in 0..<count / pipelined { try connection.exchange(piece, count: pipelined) }
  }
}

/// The allocations of a host during `measured`. The request that reads the count must not allocate itself.
func hostAllocations(
  after warming: @escaping @Sendable (CountingHost, Client) throws -> Void,
  during measured: @escaping @Sendable (CountingHost, Client) throws -> Void
) async throws -> Int {
  try await withCountingHost { host in
    let connection = try Client(port: host.port, timeout: .seconds(30))
    func count() throws -> Int { try #require(Int(connection.exchange(get("/allocations"), count: 1))) }
    _ = try count()
    try warming(host, connection)
    let before = try count()
    try measured(host, connection)
    return try count() - before
  }
}

/// A request without a body.
func get(_ path: String, fields: String = "") -> String {
  "GET \(path) HTTP/1.1\r\nHost: ambit\r\n\(fields)\r\n"
}

extension Client {
  /// Sends `requests` in one piece and reads `count` responses, each of which must be a 200.
  /// - Returns: the body of the last one.
  @discardableResult
  fileprivate func exchange(_ requests: String, count: Int) throws -> String {
    try send(requests)
    var body = ""
    for _ in 0..<count {
      let response = try reply()
      guard response.status == 200 else { throw ClientError(description: "\(response)") }
      body = response.text
    }
    return body
  }
}
