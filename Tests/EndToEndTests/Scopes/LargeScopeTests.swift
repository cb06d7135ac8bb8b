import TestSupport
import Testing

/// Scopes with thousands of jobs begin and end in slices.
@Suite struct `A large scope` {
  private static let configuration = "threads = 1\nstall_warning = \"1m\""
  private static let fewEnough = 1000

  @Test(arguments: ["other", "other-with-job"])
  func `A request is answered before a quarter of another request's 4000 new jobs had their turn`(
    other: String
  ) async throws {
    try await withHost([.probe("large_scopes")], configuration: Self.configuration) { host in
      let count = try await host.countAtOtherRequest("/\(other)", than: "begin")
      #expect(count.atOther < Self.fewEnough)
      #expect(try await count.connection.response().text == "4000")
    }
  }

  @Test func `A request is answered before a quarter of another request's 4000 cancelled jobs had their turn`()
    async throws
  {
    try await withHost([.probe("large_scopes")], configuration: Self.configuration) { host in
      let holding = try host.connect()
      try await holding.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "all wait")
      let count = try await host.countAtOtherRequest("/other", than: "end")
      #expect(count.atOther < Self.fewEnough)
      let all = try await holding.response()
      #expect(all.text == "4000", "the other request sets what they wait for, and each wait returns AMBIT_CANCELLED")
    }
  }
}

extension Host {
  /// Sends the request that is to be measured, which blocks the loop until another one is sent on a connection that the
  /// loop knows already.
  /// - Returns: how many jobs had their turn when the other request was handled.
  fileprivate func countAtOtherRequest(
    _ otherPath: String, than path: String
  ) async throws -> (atOther: Int, connection: Client) {
    let other = try connect()
    try await other.send("GET \(otherPath) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    #expect(try await other.response().text == "0")
    let connection = try connect()
    try await connection.send("GET /\(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    try await log.line(containing: "about to \(path)")
    try await other.send("GET \(otherPath) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    try directory.write("", as: "sent")
    return (try #require(Int(try await other.response().text)), connection)
  }
}
