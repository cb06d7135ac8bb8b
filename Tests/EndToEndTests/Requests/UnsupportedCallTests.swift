import TestSupport
import Testing

/// The ABI is fixed as a whole; what a host does not have yet says so.
@Suite struct `Calls that are not there yet` {
  @Test func `Calls that are not implemented yet return AMBIT_UNSUPPORTED and do no harm`() async throws {
    try await withHost([.probe("unsupported")]) { host in
      let lines = try await host.get("/call-all").text.split(separator: "\n")
      #expect(lines.count == 1)
      #expect(lines.filter { !$0.hasSuffix(" -9") }.isEmpty)
    }
  }
}
