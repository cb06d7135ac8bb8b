import TestSupport
import Testing

/// How often a request calls the allocator once everything is warm: no more than the baseline says, and that says never.
///
/// `ALLOCATION_TRACE=FILE` in the environment has each host append backtraces of the first allocations to FILE.
@Suite(.serialized, .disabled(if: isSanitized, "a sanitizer replaces the functions that are counted"))
struct `Allocations` {
  @Test func `a plain request makes no more than its baseline`() async throws {
    let count = try await Workload(get("/hello/World")).allocations()
    try #expect(count <= Baseline.allocations(of: "plain"))
  }

  @Test func `a request with eleven header fields makes no more than its baseline`() async throws {
    let fields = (1...10).map { "X-Field-\($0): of a length that browsers send\r\n" }.joined()
    let count = try await Workload(get("/hello/World", fields: fields)).allocations()
    try #expect(count <= Baseline.allocations(of: "eleven fields"))
  }

  @Test func `sixteen pipelined requests make no more than their baseline`() async throws {
    let count = try await Workload(get("/hello/World"), pipelined: 16).allocations()
    try #expect(count <= Baseline.allocations(of: "pipelined by 16"))
  }

  @Test func `a request that leaves a sleeping job behind makes no more than its baseline`() async throws {
    let count = try await Workload(get("/jobs/1")).allocations()
    try #expect(count <= Baseline.allocations(of: "1 sleeping job"))
  }

  @Test func `a request that leaves ten sleeping jobs behind makes no more than its baseline`() async throws {
    let count = try await Workload(get("/jobs/10")).allocations()
    try #expect(count <= Baseline.allocations(of: "10 sleeping jobs"))
  }

  @Test func `a request whose body is sent back makes no more than its baseline`() async throws {
    let echo = "POST /echo HTTP/1.1\r\nHost: ambit\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nagain"
    let count = try await Workload(echo).allocations()
    try #expect(count <= Baseline.allocations(of: "echo"))
  }

  @Test func `a typed route makes no more than its baseline`() async throws {
    let count = try await Workload(get("/sum/2/40")).allocations()
    try #expect(count <= Baseline.allocations(of: "typed route"))
  }

  @Test func `a typed route with fields of a JSON body and a JSON answer makes no more than its baseline`()
    async throws
  {
    let body = #"{"other":[1,{}],"text":"A \u00c9 and \"B\""}"#
    let head = "POST /measure HTTP/1.1\r\nHost: ambit\r\nContent-Type: application/json\r\n"
    let count = try await Workload("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)").allocations()
    try #expect(count <= Baseline.allocations(of: "typed route with fields"))
  }

  /// The clients ask again while jobs of their last requests have yet to end; a loop that does not keep up with those
  /// needs ever more stacks and records. A few are in order: one turn may meet more requests at once than any before it.
  @Test(.enabled(if: Places.tool("wrk") != nil, "wrk is not installed"))
  func `sixty-four clients whose requests leave thirty sleeping jobs behind do not pile them up`() async throws {
    let count = try await hostAllocations(
      after: { host, _ in try host.load(with: "/jobs/30") }, during: { host, _ in try host.load(with: "/jobs/30") })
    #expect(count < 5_000)
  }

  /// Else the tests above could not fail.
  @Test func `each of seven functions that allocate is counted`() async throws {
    let count = try await Workload(get("/allocate")).allocations()
    #expect(count == 7 * Workload.measured)
  }
}
