import Foundation
import Glibc
import TestSupport
import Testing

/// The private copies of a supervisor, which its workers load.
@Suite struct `Private copies of a supervisor` {
  /// A plugin that answers `GET /speak` at once, and `GET /wait` when there is a file at `gate`.
  private func version(_ text: String, flags: String, gate: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t speak(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)"); }
      static int32_t wait_for_gate(ambit_scope *scope) {
        while (access("\(gate)", F_OK) != 0) {
          int32_t status = ambit_sleep(scope, 5000000);
          if (status != AMBIT_OK)
            return status;
        }
        return speak(scope);
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /speak", .handler = speak}, {.pattern = "GET /wait", .handler = wait_for_gate}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .flags = \(flags),
        .routes = routes, .route_count = 2};
      """, name: "speaks")
  }

  private struct Supervisor: Sendable {
    let child: RunningCommand
    let log: HostLog
    let port: UInt16

    init(in directory: URL) async throws {
      (child, log) = try await startHost(Places.ambit.filePath, ["serve"], in: directory)
      let line = try await log.line(containing: "listening on http://127.0.0.1:").text
      try await log.line { $0.text.contains(" serving ") || $0.text.hasSuffix(" serving") }
      let digits = try #require(line.split(separator: "127.0.0.1:").last).prefix(while: \.isNumber)
      port = try #require(UInt16(digits))
    }

    func request(_ target: String) async throws -> Client {
      let client = try Client(port: port, timeout: nil)
      try await client.send("GET \(target) HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
      return client
    }

    /// The process of its only worker.
    func worker() throws -> pid_t {
      let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.pid)/task")
      let children = tasks.flatMap { task in
        let list = try? String(contentsOfFile: "/proc/\(child.pid)/task/\(task)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { pid_t($0) }
      }
      return try #require(
        children.first {
          (try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8))?.contains("worker") == true
        })
    }

    /// Ends it, and gives its workers the time to end.
    func end() async {
      child.signal(SIGTERM)
      _ = await child.status
    }
  }

  private func maps(_ process: pid_t) throws -> String {
    let descriptor = open("/proc/\(process)/maps", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemCallError(call: "open maps of \(process)", code: errno) }
    var bytes: [UInt8] = []
    drain(descriptor) { bytes += $0 }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func folders(_ directory: URL) throws -> [String] {
    let place = directory.appending(path: "private").filePath
    return try FileManager.default.contentsOfDirectory(atPath: place).filter { $0.hasPrefix("ambit-host-") }.sorted()
  }

  private func withFolder(_ body: @Sendable (URL) async throws -> Void) async throws {
    try await HostSlots.shared.use {
      try await withTemporaryFolder { directory in
        let place = directory.appending(path: "private")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let gate = directory.appending(path: "gate").filePath
        try await populate(
          directory, with: [version("one\\n", flags: "0", gate: gate)],
          configuration: """
            private = 'private'
            threads = 1
            [[route]]
            match = "GET /cos/{x}"
            call = "libm.so.6: f64 cos(f64 x)"
            """)
        try await body(directory)
      }
    }
  }

  @Test func `The supervisor maps no file of a plugin, and a new worker loads copies that a cleaner has removed`()
    async throws
  {
    try await withFolder { directory in
      let supervisor = try await Supervisor(in: directory)
      #expect(try await supervisor.request("/speak").response().text == "one\n")
      let first = try supervisor.worker()
      #expect(try maps(first).contains("/ambit-host-"))
      let own = try maps(supervisor.child.pid)
      #expect(!own.contains("/ambit-host-") && !own.contains(directory.filePath))
      for folder in try folders(directory) {
        try FileManager.default.removeItem(at: directory.appending(path: "private/\(folder)"))
      }
      kill(first, SIGKILL)
      try await supervisor.log.line(containing: "serves again")
      try await supervisor.log.line(
        containing: "NOTICE private copies were removed, and are made again for a new worker")
      #expect(try await supervisor.request("/speak").response().text == "one\n")
      #expect(try await supervisor.request("/cos/0").response().status == 200)
      #expect(try supervisor.worker() != first)
      await supervisor.end()
      #expect(try folders(directory) == [])
    }
  }

  @Test func `The copies of a killed supervisor stay until its worker has finished, whatever starts meanwhile`()
    async throws
  {
    try await withFolder { directory in
      let killed = try await Supervisor(in: directory)
      let old = try folders(directory)
      let waiting = try await killed.request("/wait")
      #expect(try await killed.request("/speak").response().status == 200)
      killed.child.signal(SIGKILL)
      try await killed.log.line(containing: "the supervisor is gone")
      let next = try await Supervisor(in: directory)
      let both = try folders(directory)
      #expect(both.count == 2 && both.contains(old[0]))
      try directory.write("", as: "gate")
      #expect(try await waiting.response().text == "one\n")
      try await eventually(until: { $0 == both.filter { $0 != old[0] } }, { try folders(directory) })
      await next.end()
      #expect(try folders(directory) == [])
    }
  }

  /// The copies of the plugin, the oldest first.
  private func copies(_ host: Host) throws -> [String] {
    let folder = try #require(try folders(host.directory).first)
    let place = host.directory.appending(path: "private/\(folder)").filePath
    return try FileManager.default.contentsOfDirectory(atPath: place).filter { $0.hasPrefix("speaks.") }.sorted()
  }

  /// Each new version can be rolled back to the two before it, however long it has served.
  private static let unproven = "prove_time = '1h'"
  /// What is left of four versions.
  private static let kept: [Substring] = ["speaks.2.", "speaks.3.", "speaks.4."]

  @Test func `A copy stays as long as one worker has mapped it or it may be rolled back to, and is removed then`()
    async throws
  {
    try await withTemporaryFolder { folder in
      let gate = folder.appending(path: "gate")
      let versions = ["one", "two", "three", "four"].map {
        version($0, flags: "AMBIT_PLUGIN_UNLOADABLE", gate: gate.filePath)
      }
      try await withHost(
        [versions[0]], configuration: "workers = 2\nthreads = 1\ndrain_timeout = '60s'\n\(Self.unproven)",
        isSingle: false
      ) { host in
        let waiting = try host.connect()
        try await waiting.send("GET /wait HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
        try await eventually(until: { $0 == 1 }) {
          let workers = try await host.adminJSON("/status").objects("workers")
          return workers.reduce(0) { $0 + ($1.number("requests") ?? 0) }
        }
        for version in versions.dropFirst() {
          try await version.install(in: host.plugins)
          try await host.reload()
        }
        // One worker has unloaded all old versions, the other one has the first still.
        _ = try await host.log.lines(5) { $0.contains("generation retired") && $0.contains("library=unloaded") }
        #expect(try copies(host).count == 4, "the other worker has mapped the first version")
        try folder.write("", as: "gate")
        #expect(try await waiting.response().text == "one")
        try await eventually(until: { $0.map { $0.prefix(9) } == Self.kept }) { try copies(host) }
        #expect(try await host.get("/speak").text == "four")
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test func `Copies of generations that stayed in memory are removed when their workers have ended`() async throws {
    let versions = ["one", "two", "three", "four"].map { version($0, flags: "0", gate: "/nowhere") }
    try await withHost([versions[0]], configuration: "threads = 1\n\(Self.unproven)", isSingle: false) { host in
      for version in versions.dropFirst() {
        try await version.install(in: host.plugins)
        try await host.reload()
      }
      _ = try await host.log.lines(3) { $0.contains("generation retired") && $0.contains("library=resident") }
      #expect(try copies(host).count == 4)
      let worker = try await host.adminJSON("/status").objects("workers")[0].number("pid")
      kill(pid_t(try #require(worker)), SIGKILL)
      try await host.log.line(containing: "serves again")
      try await eventually(until: { $0.map { $0.prefix(9) } == Self.kept }) { try copies(host) }
      #expect(try await host.get("/speak").text == "four")
      kill(pid_t(try #require(try await host.adminJSON("/status").objects("workers")[0].number("pid"))), SIGKILL)
      #expect(try await host.get("/speak").text == "four", "the copy of what serves is there for each new worker")
      #expect(await host.stop() == .exited(0))
    }
  }
}
