import Foundation
import Glibc
import TestSupport
import Testing

/// What `ambit status`, `ambit scopes` and SIGUSR2 tell about a host with several workers.
@Suite struct `Asking several workers` {
  /// Answers `GET /place`, holds `GET /hold`, and blocks an event loop for `GET /block` until a file is there.
  private static let plugin = PluginFile.source(
    """
    #include <ambit.h>
    #include <unistd.h>
    static int32_t place(ambit_scope *scope) {
      const ambit_worker *worker = ambit_extension(scope, "ambit.worker/1");
      return ambit_respondf(scope, 200, "text/plain", "%u here\\n", worker->index);
    }
    static int32_t hold(ambit_scope *scope) {
      ambit_logf(scope, AMBIT_INFO, "held");
      return ambit_sleep(scope, AMBIT_SECONDS(3600));
    }
    static int32_t block(ambit_scope *scope) {
      ambit_logf(scope, AMBIT_INFO, "blocks");
      while (access("go", F_OK) != 0) usleep(2000);
      return place(scope);
    }
    static const ambit_route routes[] = {
      {.pattern = "GET /place", .handler = place}, {.pattern = "GET /hold", .handler = hold},
      {.pattern = "GET /block", .handler = block}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "asked", .version = "1", .routes = routes, .route_count = 3};
    """, name: "asked")

  /// Has each of two workers hold a request.
  private func hold(_ host: Host) async throws -> [Client] {
    var clients: [Client] = []
    try await eventually(until: { $0 == ["1", "2"] }) { () async throws -> [String] in
      let position = host.log.position
      let client = try host.connect()
      try await client.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(after: position, containing: "held")
      clients.append(client)
      return Array(Set(host.log.lines { $0.contains("held") }.compactMap { $0.field("worker") })).sorted()
    }
    return clients
  }

  @Test func `Status, scopes and the dump cover all workers, and each line of the log names its worker`() async throws {
    try await withHost([Self.plugin], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      let clients = try await hold(host)
      let status = try await host.adminJSON("/status")
      #expect(status.number("requests") == clients.count)
      let workers = status.objects("workers")
      #expect(workers.map { $0.number("worker") } == [1, 2])
      #expect(workers.map { $0.text("state") } == ["serving", "serving"])
      #expect(workers.reduce(0) { $0 + ($1.number("requests") ?? 0) } == clients.count)
      #expect(workers.allSatisfy { ($0.number("requests") ?? 0) > 0 && $0.number("crashes") == 0 })
      #expect(status.objects("loops").map { $0.number("worker") } == [1, 2])
      #expect(status.objects("generations").count == 1, "workers have the same generations")
      #expect(status.object("pool").number("threads") == 128, "64 of each worker")

      let scopes = try await ambit("scopes", in: host.directory).text.split(separator: "\n")
      for worker in ["1", "2"] {
        #expect(scopes.contains { $0.contains("scope request ") && $0.contains("worker=\(worker)") }, "\(scopes)")
      }
      let position = host.log.position
      host.child.signal(SIGUSR2)
      _ = try await host.log.lines(2, after: position) { $0.contains("scope tree done") }
      let dumped = host.log.lines { $0.number > position && $0.contains("scope request ") }
      #expect(dumped.count == clients.count)
      #expect(Set(dumped.compactMap { $0.field("worker") }) == ["1", "2"])
    }
  }

  @Test func `A worker that is stopped keeps nobody waiting, and is named`() async throws {
    try await withHost([Self.plugin], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      _ = try await hold(host)
      let stopped = try #require(try await host.workers()[2])
      let serving = try #require(try await host.adminJSON("/status").objects("workers").last?.text("since"))
      kill(stopped, SIGSTOP)
      try await host.log.line(containing: "worker 2 (pid \(stopped)) was stopped by SIGSTOP")
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.map { $0.text("state") } == ["serving", "stopped"])
      let since = try #require(workers.last?.text("since"))
      #expect(since > serving, "when it was stopped")
      #expect(try await ambit("status", in: host.directory).text.contains("\(since)  stopped"))
      #expect(workers.map { $0.flag("answers") } == [true, false])
      let scopes = try await ambit("scopes", in: host.directory).text
      #expect(scopes.contains("worker 2: it did not answer in time\n"), "\(scopes)")
      #expect(scopes.contains("worker=1"))
      #expect(try await run("curl", ["-sS", "--unix-socket", host.adminSocket, "http://ambit/scopes"]).text
        .contains("\"silent_workers\": [2]"))
      let position = host.log.position
      host.child.signal(SIGUSR2)
      try await host.log.line(after: position, containing: "worker 2 does not answer: nothing is known of its scopes")
      kill(stopped, SIGCONT)
      try await eventually(until: { $0 == ["serving", "serving"] }) {
        try await host.adminJSON("/status").objects("workers").map { $0.text("state") }
      }
      let continued = try await host.adminJSON("/status").objects("workers")
      #expect(continued.last?.text("since") == serving, "when it began to serve")
    }
  }

  @Test func `A loop that is blocked is named with its worker, and the reload says which worker it is`() async throws {
    try await withHost([Self.plugin], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      let client = try host.connect()
      try await client.send("GET /block HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let worker = try #require(try await host.log.line(containing: "blocks").field("worker"))
      let status = try await ambit("status", in: host.directory).text
      #expect(status.contains("blocked: 0 of worker \(worker)"), "\(status)")
      let scopes = try await ambit("scopes", in: host.directory).text
      #expect(scopes.contains("worker \(worker): event loop 0 did not answer in time\n"), "\(scopes)")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("worker \(worker): event loop 0"), "\(reload.text)")
      try host.directory.write("", as: "go")
      #expect(try await client.response().text == "\(worker) here\n")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
    }
  }
}
