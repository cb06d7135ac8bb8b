import Glibc
import Testing

/// How often a request calls the allocator once everything is warm: never.
///
/// `ALLOCATION_TRACE=FILE` in the environment has each host append backtraces of the first allocations to FILE.
@Suite(.serialized, .disabled(if: isSanitized, "a sanitizer replaces the functions that are counted"))
struct `Allocations` {
  @Test func `a plain request makes none`() async throws {
    let count = try await Workload(get("/hello/World")).allocations()
    #expect(count == 0)
  }

  @Test func `a request with eleven header fields makes none`() async throws {
    let fields = (1...10).map { "X-Field-\($0): of a length that browsers send\r\n" }.joined()
    let count = try await Workload(get("/hello/World", fields: fields)).allocations()
    #expect(count == 0)
  }

  @Test func `sixteen pipelined requests make none`() async throws {
    let count = try await Workload(get("/hello/World"), pipelined: 16).allocations()
    #expect(count == 0)
  }

  @Test func `a request that leaves a sleeping job behind makes none`() async throws {
    let count = try await Workload(get("/jobs/1")).allocations()
    #expect(count == 0)
  }

  @Test func `a request that leaves ten sleeping jobs behind makes none`() async throws {
    let count = try await Workload(get("/jobs/10")).allocations()
    #expect(count == 0)
  }

  @Test func `a request whose body is sent back makes none`() async throws {
    let echo = "POST /echo HTTP/1.1\r\nHost: ambit\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nagain"
    let count = try await Workload(echo).allocations()
    #expect(count == 0)
  }

  /// The clients ask again while jobs of their last requests have yet to end; a loop that does not keep up with those
  /// needs ever more stacks and records. A few are in order: one turn may meet more requests at once than any before it.
  @Test(.enabled(if: Places.wrk != nil, "wrk is not installed"))
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

/// Whether this process, and so the host built with it, runs with an allocator that cannot be stood in front of.
private let isSanitized = dlsym(nil, "__asan_init") != nil
