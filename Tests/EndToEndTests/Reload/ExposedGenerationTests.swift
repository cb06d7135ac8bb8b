import TestSupport
import Testing

/// `expose_generation`: which generation of which plugin has answered.
@Suite struct `Exposed generations` {
  @Test func `Generations are named on each response to a request that reached a handler`() async throws {
    try await withHost([.sample("hello"), .probe("results")], configuration: "expose_generation = true") { host in
      #expect(try await host.get("/hello/World")["Ambit-Generation"] == "hello/1")
      let failed = try await host.get("/return/-10")
      #expect(failed.status == 500)
      #expect(failed["Ambit-Generation"] == "results/1")
      #expect(try await host.get("/nowhere")["Ambit-Generation"] == nil)
    }
  }

  @Test func `The named generations are those that the request began with`() async throws {
    try await withHost([.sample("hello")], configuration: "expose_generation = true") { host in
      try host.configure("expose_generation = true\n[plugin.hello]\ngreeting = \"Good day\"")
      try await host.reload()
      #expect(try await host.get("/hello/World")["Ambit-Generation"] == "hello/2")
    }
  }

  @Test func `Generations are not named unless the configuration says so, and a reload decides anew`() async throws {
    try await withHost([.sample("hello")]) { host in
      #expect(try await host.get("/hello/World")["Ambit-Generation"] == nil)
      try host.configure("expose_generation = true")
      try await host.reload()
      #expect(try await host.get("/hello/World")["Ambit-Generation"] == "hello/1")
    }
  }
}
