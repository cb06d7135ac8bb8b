import TestSupport
import Testing

/// Plain C functions that live as long as their scope, for callbacks that take no context.
@Suite struct `Functions bound to a scope` {
  @Test(arguments: ["/sort", "/sort-on-thread"])
  func `A bound function leads to the plugin's own with its context, and may wait there`(path: String) async throws {
    try await withHost([.probe("c_calls")]) { host in
      let up = try await host.get("\(path)/up")
      let down = try await host.get("\(path)/down")
      #expect(up.text == "-1 2 3\n")
      #expect(down.text == "3 2 -1\n")
    }
  }

  @Test func `A function with a bad signature is not bound, and the error has the place in the signature`() async throws
  {
    try await withHost([.probe("c_calls")]) { host in
      #expect(try await host.get("/bind-refused").text == "-4 1 -4 -4 -4\n")
      let line = try await host.log.line(containing: "ambit_bind: signature")
      #expect(line.contains("\"i32 (ptr left, pointer right)\":1:16: unknown type `pointer`"), "\(line)")
      #expect(line.field("plugin") == "c_calls/1")
      #expect(line.field("route") == "GET /bind-refused")
    }
  }

  @Test func `A bound function can be called until the deferred functions have run`() async throws {
    try await withHost([.probe("c_calls")]) { host in
      #expect(try await host.get("/bind-for-later").status == 200)
      try await host.log.line(containing: "deferred call: 16")
    }
  }

  @Test(.disabled(if: Places.isSanitized)) func `Bound functions are freed with their scope`() async throws {
    try await withHost([.probe("c_calls")], configuration: "threads = 1") { host in
      func load() async throws {
        for _ in 0..<50 {
          let answer = try await host.get("/bind-many")
          #expect(answer.text == "500\n")
        }
      }
      try await load()
      let before = try host.memory("VmRSS")
      try await load()
      try await load()
      let after = try host.memory("VmRSS")
      // 100,000 functions that stayed would take more than ten times as much.
      #expect(after - before < 2 << 20)
    }
  }
}
