import TestSupport
import Testing

/// The host when the system gives it no more threads or memory.
@Suite(.enabled(if: Places.tool("prlimit") != nil && !Places.isSanitized)) struct Shortages {
  // A limit that prlimit(1) sets holds for one process, so the worker is in the process of the host.
  @Test func `A shortage of threads is reported, and its end too`() async throws {
    try await withHost([.probe("threads")], isSingle: true) { host in
      try await limitAddressSpace(of: host, leaving: 6 << 20)
      #expect(try await host.get("/block").text == "block=-5 on \n")
      let line = try await host.log.line(containing: "cannot start the thread of the pool")
      #expect(line.contains("(perhaps because the address space is limited to "))
      #expect(line.contains("): Resource temporarily unavailable; the work is refused"))
      #expect(try await host.get("/block").text == "block=-5 on \n")
      #expect(host.log.lines { $0.contains("cannot start the thread") }.count == 1)
      try await setAddressSpace(of: host, to: "unlimited")
      #expect(try await host.get("/block").text.hasSuffix(" on ambit-pool\n"))
    }
  }

  @Test func `A shortage of stacks is reported, and leaves the admin API alone`() async throws {
    try await withHost([.sample("simple_service")], configuration: "threads = 1", isSingle: true) { host in
      try await limitAddressSpace(of: host, leaving: 12 << 20)
      let connections = try (0..<100).map { _ in try host.connect() }
      for connection in connections {
        try await connection.send("GET /hold?seconds=60 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      }
      try await host.log.line(containing: "cannot serve a connection: no memory for a stack: Cannot allocate memory")
      #expect(try await host.adminJSON("/status").number("stuck_jobs") == 0)
      #expect(host.log.lines { $0.contains("no memory for a stack") }.count == 1)
      for connection in connections { connection.reset() }
      try await setAddressSpace(of: host, to: "unlimited")
      #expect(try await host.get("/hold?seconds=0").status == 200)
    }
  }

  /// Lets the host map `bytes` more. It can make small allocations, but a thread's stack takes 8 MiB, and the stacks of
  /// jobs and of handlers, of which it maps 64 at a time, take 20 and 68 MiB.
  private func limitAddressSpace(of host: Host, leaving bytes: Int) async throws {
    try await setAddressSpace(of: host, to: "\(try host.memory("VmSize") + bytes)")
  }

  private func setAddressSpace(of host: Host, to limit: String) async throws {
    let change = try await run("prlimit", ["--pid=\(host.servingProcess)", "--as=\(limit):"])
    #expect(change.status == .exited(0), "\(change.errors)")
  }

  @Test func `A host that cannot start a thread names the limit of its address space`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [])
      // Each thread wants a stack of 4 GiB.
      let script = "ulimit -s 4194304; ulimit -v 2097152; exec \"$0\" serve"
      let result = try await run("bash", ["-c", script, Places.ambit.filePath], in: directory)
      #expect(result.status == .exited(1))
      let reason = "(perhaps because the address space is limited to 2048 MiB: ulimit -v, or worker_limits.memory)"
      #expect(result.errors.contains("cannot start the thread of "), "\(result.errors)")
      #expect(result.errors.contains(reason), "\(result.errors)")
    }
  }
}
