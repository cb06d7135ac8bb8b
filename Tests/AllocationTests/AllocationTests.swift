import TestSupport
import Testing

/// The number of allocations of a request in the steady state, which must not exceed the baseline (0).
///
/// `ALLOCATION_TRACE=FILE` in the environment has each host append backtraces of the first allocations to FILE.
@Suite(.serialized, .disabled(if: isSanitized, "a sanitizer replaces the functions that are counted"))
struct `Allocations` {
  @Test func `A plain request makes no more allocations than its baseline`() async throws {
    let count = try await Workload(get("/hello/World")).allocations()
    try #expect(count <= Baseline.allocations(of: "plain"))
  }

  @Test func `A request with eleven header fields makes no more allocations than its baseline`() async throws {
    let fields = (1...10).map { "X-Field-\($0): of a length that browsers send\r\n" }.joined()
    let count = try await Workload(get("/hello/World", fields: fields)).allocations()
    try #expect(count <= Baseline.allocations(of: "eleven fields"))
  }

  @Test func `Sixteen pipelined requests make no more allocations than their baseline`() async throws {
    let count = try await Workload(get("/hello/World"), pipelined: 16).allocations()
    try #expect(count <= Baseline.allocations(of: "pipelined by 16"))
  }

  @Test func `A request that leaves a sleeping job behind makes no more allocations than its baseline`() async throws {
    let count = try await Workload(get("/jobs/1")).allocations()
    try #expect(count <= Baseline.allocations(of: "1 sleeping job"))
  }

  @Test func `A request that leaves ten sleeping jobs behind makes no more allocations than its baseline`() async throws
  {
    let count = try await Workload(get("/jobs/10")).allocations()
    try #expect(count <= Baseline.allocations(of: "10 sleeping jobs"))
  }

  @Test func `A request whose body is sent back makes no more allocations than its baseline`() async throws {
    let echo = "POST /echo HTTP/1.1\r\nHost: ambit\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nagain"
    let count = try await Workload(echo).allocations()
    try #expect(count <= Baseline.allocations(of: "echo"))
  }

  @Test func `A function route makes no more allocations than its baseline`() async throws {
    let count = try await Workload(get("/sum/2/40")).allocations()
    try #expect(count <= Baseline.allocations(of: "function route"))
  }

  @Test func `A function route with fields of a JSON body and a JSON response makes no more than its baseline`()
    async throws
  {
    let body = #"{"other":[1,{}],"text":"A \u00c9 and \"B\""}"#
    let head = "POST /measure HTTP/1.1\r\nHost: ambit\r\nContent-Type: application/json\r\n"
    let count = try await Workload("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)").allocations()
    try #expect(count <= Baseline.allocations(of: "function route with fields"))
  }

  /// The clients ask again before all jobs of their last requests have ended. A loop that does not keep up with them
  /// needs ever more stacks and records. A few allocations are normal: a turn may meet more requests than any before.
  @Test(.enabled(if: Places.tool("wrk") != nil, "wrk is not installed"))
  func `Sixty-four clients whose requests leave thirty sleeping jobs behind do not pile them up`() async throws {
    let count = try await hostAllocations(
      after: { host, _ in try host.load(with: "/jobs/30") }, during: { host, _ in try host.load(with: "/jobs/30") })
    #expect(count < 5_000)
  }

  /// Without this test the tests above might count nothing.
  @Test func `Each of seven functions that allocate is counted`() async throws {
    let count = try await Workload(get("/allocate")).allocations()
    #expect(count == 7 * Workload.measured)
  }
}
