import Foundation
import TestSupport
import Testing

/// A host that systemd, or another service manager, has started: sd_notify(3).
@Suite struct `Running under a service manager` {
  /// Reads a variable of the host's environment.
  private static let environmentRoute = "[[route]]\nmatch = 'GET /env/{name}'\ncall = 'libc.so.6: str getenv(str name)'"

  /// Runs a host that has the socket of a service manager.
  private func withService(
    _ plugins: [PluginFile] = [.sample("hello")], configuration: String = "threads = 2",
    environment: [String: String] = [:], isSingle: Bool = false, wrapper: [String] = [],
    _ body: @Sendable (Host, NotifySocket) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let socket = try NotifySocket(in: folder.url)
    try await withHost(
      plugins, configuration: configuration,
      environment: environment.merging(["NOTIFY_SOCKET": socket.address]) { $1 }, isSingle: isSingle,
      wrapper: wrapper
    ) { host in
      try await body(host, socket)
    }
  }

  @Test(arguments: [true, false])
  func `The first message says that the host is ready and what it serves, and the last one that it stops`(
    isSingle: Bool
  ) async throws {
    try await withService(
      [.sample("hello"), .sample("simple_service")], configuration: "threads = 1\nworkers = 2", isSingle: isSingle
    ) { host, socket in
      let ready = try await socket.next()
      #expect(ready.lines == ["READY=1", "STATUS=serving 2 plugins\(isSingle ? "" : ", 2 workers")"])
      #expect(try await host.get("/hello/World").status == 200)
      #expect(await host.stop() == .exited(0))
      let stopping = try await socket.next()
      #expect(stopping.lines.first == "STOPPING=1")
      // drain_timeout, cancel_grace and what the host takes for the rest.
      let time = try #require(stopping["EXTEND_TIMEOUT_USEC"].flatMap { Int($0) })
      #expect((15_000_000...15_500_000).contains(time))
      #expect(socket.nextSoFar() == nil)
    }
  }

  @Test func `The service manager may have a socket without a file`() async throws {
    let name = "@ambit-\(UUID().uuidString)"
    let socket = try NotifySocket(address: name)
    try await withHost([.sample("hello")], environment: ["NOTIFY_SOCKET": name]) { _ in
      let ready = try await socket.next()
      #expect(ready.lines.first == "READY=1")
    }
  }

  @Test func `A reload is told with its time, and its end before the client that asked for it gets the answer`()
    async throws
  {
    try await withService { host, socket in
      _ = try await socket.next(with: "READY=1")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      let reloading = try #require(socket.nextSoFar())
      #expect(reloading.lines.first == "RELOADING=1")
      #expect(reloading["MONOTONIC_USEC"].flatMap { Int($0) } ?? 0 > 0)
      let ready = try #require(socket.nextSoFar())
      #expect(ready.lines.first == "READY=1")
      #expect(ready["STATUS"]?.hasPrefix("serving 1 plugin") == true, "\(ready)")
    }
  }

  @Test func `After a reload that failed the host is ready all the same, and its status says so`() async throws {
    try await withService { host, socket in
      _ = try await socket.next(with: "READY=1")
      try host.configure("thread = 1")
      host.child.signal(SIGHUP)
      let refused = try await socket.next(with: "READY=1")
      #expect(refused["STATUS"]?.hasSuffix("; the last reload was refused, see the log") == true, "\(refused)")
      try host.configure("threads = 2")
      try host.plugins.write("no library", as: "broken.so")
      _ = try await ambit("reload", in: host.directory)
      let partial = try await socket.next(with: "READY=1")
      #expect(partial["STATUS"]?.hasSuffix("; the last reload has failures, see the log") == true, "\(partial)")
    }
  }

  @Test func `The status says how many workers serve and how often they have crashed`() async throws {
    try await withService(configuration: "threads = 1\nworkers = 2") { host, socket in
      let ready = try await socket.next(with: "READY=1")
      #expect(ready["STATUS"] == "serving 1 plugin, 2 workers")
      kill(try #require(try await host.workers()[1]), SIGKILL)
      var statuses: [String] = []
      while statuses.last != "serving 1 plugin, 2 workers; workers have crashed 1 time, see the log" {
        statuses.append(try await socket.next()["STATUS"] ?? "")
      }
      #expect(statuses.count <= 3, "\(statuses)")
    }
  }

  @Test func `A host that cannot start does not say that it is ready`() async throws {
    try await withTemporaryFolder { directory in
      let socket = try NotifySocket(in: directory)
      try await populate(directory, with: [.bytes(Array("text".utf8), name: "broken")])
      let result = try await run(
        Places.ambit.filePath, ["serve"], in: directory, environment: ["NOTIFY_SOCKET": socket.address])
      #expect(result.status == .exited(1))
      #expect(socket.nextSoFar() == nil)
    }
  }

  @Test func `A socket that cannot be reached is logged once, and the host serves`() async throws {
    try await withHost([.sample("hello")], environment: ["NOTIFY_SOCKET": "/nowhere/notify"]) { host in
      try await host.reload()
      #expect(await host.stop() == .exited(0))
      let lines = host.log.lines { $0.contains("NOTIFY_SOCKET=/nowhere/notify: No such file or directory; logged") }
      #expect(lines.count == 1 && lines.first?.contains("WARNING") == true, "\(lines)")
    }
  }

  @Test(arguments: [true, false])
  func `Plugins do not find the variables of the service manager, but all others`(isSingle: Bool) async throws {
    try await withService(
      [], configuration: Self.environmentRoute,
      environment: ["WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1", "OTHER": "here"],
      isSingle: isSingle
    ) { host, _ in
      #expect(try await host.get("/env/OTHER").text.contains("here"))
      for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        let answer = try await host.get("/env/\(name)")
        #expect(answer.status != 200 || answer.text.trimming(while: \.isWhitespace).isEmpty, "\(name): \(answer.text)")
      }
    }
  }

  @Test(arguments: [true, false])
  func `The host reports to the watchdog while its loops turn, and again when a blocked loop turns again`(
    isSingle: Bool
  ) async throws {
    try await withService(
      [.fixture("ignores_cancel")], configuration: "threads = 2\nlimits.request_timeout = '200ms'",
      environment: ["WATCHDOG_USEC": "1000000"], isSingle: isSingle,
      wrapper: ["sh", "-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh"]
    ) { host, socket in
      for _ in 0..<2 { _ = try await socket.next(with: "WATCHDOG=1") }
      let connection = try host.connect()
      try await connection.send("GET /holds-the-loop HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let warning = try await host.log.line(containing: "the service manager gets no message of the watchdog")
      #expect(warning.contains("WARNING") && warning.field("limit_ms") == "1000", "\(warning)")
      while socket.nextSoFar() != nil {}
      try await host.log.line(containing: "has not returned 1 s after its cancel")
      #expect(socket.nextSoFar() == nil)
      try host.directory.write("", as: "release")
      #expect(try await socket.next().lines == ["WATCHDOG=1"])
    }
  }

  @Test func `A watchdog that is meant for another process gets no messages`() async throws {
    try await withService(environment: ["WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"]) { host, socket in
      _ = try await socket.next(with: "READY=1")
      try await host.reload()
      #expect(await host.stop() == .exited(0))
      while let message = socket.nextSoFar() { #expect(!message.lines.contains("WATCHDOG=1")) }
    }
  }
}
