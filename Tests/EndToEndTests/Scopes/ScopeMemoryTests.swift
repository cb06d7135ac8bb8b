import TestSupport
import Testing

/// Deferred functions and memory of a scope.
@Suite struct `Scope memory` {
  @Test func `Deferred functions run once the handler has returned, in reverse order`() async throws {
    try await withHost([.probe("memory")]) { host in
      #expect(try await host.get("/defer").status == 200)
      let lines = try await host.log.lines(4) { $0.text.hasPrefix("deferred") || $0.text == "handler returns" }
      #expect(lines.map(\.text) == ["handler returns", "deferred third", "deferred second", "deferred first"])
    }
  }

  @Test func `Memory of a scope is aligned and zeroed, also when the request before has used it`() async throws {
    try await withHost([.probe("memory")], configuration: "threads = 1") { host in
      for _ in 0..<3 {
        let answer = try await host.get("/alloc")
        #expect(answer.text == "clean\n")
      }
    }
  }

  @Test func `Memory of a scope goes back when the scope closes`() async throws {
    try await withHost([.probe("memory")], configuration: "threads = 1") { host in
      for _ in 0..<5 { #expect(try await host.get("/alloc").status == 200) }
      let before = try host.memory("VmRSS")
      for _ in 0..<20 { #expect(try await host.get("/alloc").status == 200) }
      // Each request takes more than 20 MiB: twenty of them kept would show.
      #expect(try host.memory("VmRSS") - before < 100 << 20)
    }
  }
}
