import TestSupport
import Testing

/// Keys that a running worker cannot take over.
@Suite struct `Replacing the workers at a reload` {
  @Test func `A reload replaces the workers for a changed key of workers, and says so`() async throws {
    try await withHost([.probe("descriptors")], configuration: "threads = 1", isSingle: false) { host in
      try host.configure("threads = 2\nworkers = 2\n[log]\nformat = 'json'")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(2), "the format of the log waits for the next start")
      let lines = reload.text.split(separator: "\n").map(String.init)
      #expect(
        lines.filter { $0.hasPrefix("in new workers") } == ["in new workers  workers", "in new workers  threads"])
      #expect(lines.filter { $0.hasPrefix("ignored") } == ["ignored  log.format: needs a restart"])
      let line = try await host.log.line(containing: "worker 1 is replaced: ")
      #expect(line.contains("workers has changed, threads has changed"), "\(line)")
      try await host.log.line(containing: "worker 1 serves")

      try host.configure("threads = 2\nworkers = 2")
      let again = try await ambit("reload", in: host.directory)
      #expect(again.status == .exited(0))
      #expect(!again.text.contains("in new workers"), "\(again.text)")
    }
  }

  @Test func `A worker that starts after the format of the log has changed writes the one that the host has`()
    async throws
  {
    try await withHost([.probe("descriptors")], configuration: "threads = 1", isSingle: false) { host in
      try host.configure("threads = 2\n[log]\nformat = 'json'")
      try await host.reload()
      try await host.log.line(containing: "worker 1 serves")
      for _ in 0..<20 { #expect(try await host.get("/shout").status == 200) }
      let lines = try await host.log.lines(20) { $0.contains("a line in the log") }
      #expect(lines.allSatisfy { !$0.text.hasPrefix("{") }, "\(lines)")
    }
  }

  @Test func `A single process keeps its worker, and says that a changed key needs a restart`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1\nworkers = 3", isSingle: true) { host in
      try await host.log.line { $0.contains("--single runs one worker") && $0.contains("workers = 3 has no effect") }
      try host.configure("threads = 1\nworkers = 2")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(2))
      #expect(reload.text.contains("ignored  workers: needs a restart\n"), "\(reload.text)")
    }
  }
}
