import AmbitCore
import AmbitRuntime
import AmbitSystem
import Synchronization
import TestSupport
import Testing

@testable import AmbitHTTP

/// Function routes of random signatures, and requests to them made at random: exactly what was sent arrives, and what
/// does not fit never does.
///
/// `AMBIT_REQUESTS` says how many requests there are; without it a few, to keep the tests short. Meant for millions, in
/// a release build, and for fewer in one for AddressSanitizer.
@Suite struct RandomFunctionRequests {
  private static let wanted = HostProcess.variable("AMBIT_REQUESTS").flatMap { Int($0) } ?? 12_000
  private static let seeds = 1...4 as ClosedRange<UInt64>
  private static let batch = 32

  @Test(arguments: seeds)
  func `Random requests call their functions with the values sent, or not at all`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let functions = (0..<40).map { DigestingFunction(index: $0, using: &random) }
    let server = try TestServer(try functions.map { try $0.route() })
    var client = try Client(server)
    var (calls, requests) = (0, 0)
    while requests < Self.wanted / Self.seeds.count {
      let batch = (0..<Self.batch).map { _ in FunctionRequest(to: random.element(of: functions), using: &random) }
      try client.send(batch.flatMap(\.bytes))
      for request in batch {
        requests += 1
        let reply = try client.reply()
        try check(reply, to: request)
        if reply.status == 200 { calls += 1 }
        guard reply["connection"] != "close" else {
          // A target so damaged that the host does not look for the next request.
          try #require(request.answer == .any && reply.status == 400, "\(request.text)")
          client.close()
          client = try Client(server)
          break
        }
      }
      let present = functions.reduce(0) { $0 + $1.callCount.load(ordering: .relaxed) }
      try #require(present == calls, "functions were called whose requests were refused")
    }
    // So that it cannot come about that nothing is tried.
    #expect(calls > requests / 5 && calls < requests * 4 / 5, "\(calls) calls of \(requests) requests")
    client.close()
    #expect(server.finalCounts == TestServer.Counts())
  }

  private func check(_ reply: ReceivedResponse, to request: FunctionRequest) throws {
    let isRight =
      switch request.answer {
      case .digest(let digest): reply.status == 200 && reply.text == "\(digest)"
      case .badRequest: reply.status == 400
      case .any: reply.status == 200 ? (Int64(reply.text) ?? -1) >= 0 : [400, 404, 405].contains(reply.status)
      }
    try #require(isRight, "\(request.text) got \(reply.status) \(reply.text)")
  }
}
