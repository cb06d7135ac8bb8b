import Foundation
import Glibc
import TestSupport
import Testing

/// `ambit upgrade`: a running host becomes another program.
@Suite struct `Upgrading the host` {
  private static let twoWorkers = "workers = 2\nthreads = 1"

  @Test func `Two upgrades in a row under load fail no request, and keep the process and the generation numbers`()
    async throws
  {
    try await withUpgradableHost([.sample("hello")], configuration: Self.twoWorkers) { host, program in
      let clients = VersionClients(of: host, "/hello/World", kept: 3, fresh: 3)
      let pid = host.child.pid
      for (before, next, generation) in [
        (Places.ambit, program, "hello/2"), (program, Places.ambit, "hello/3"),
      ] {
        try await clients.round()
        let upgrade = try await run(next.filePath, ["upgrade"], in: host.directory)
        #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
        let names = [before, next].map { $0.resolvingSymlinksInPath().filePath }
        let line = "upgraded from ambit 0.1.0 (\(names[0])) to ambit 0.1.0 (\(names[1])), pid \(pid)"
        #expect(upgrade.text.contains(line), "\(upgrade.text)")
        #expect(try host.program == next.resolvingSymlinksInPath().filePath)
        let status = try await host.adminJSON("/status")
        #expect(status.objects("generations").compactMap { $0.text("generation") } == [generation])
        #expect(status.object("upgrade").text("result") == "done")
        try await clients.round()
        try await host.onlyNewWorkersAreLeft(2)
      }
      let failures = await clients.stop().failures
      #expect(failures.isEmpty, "\(failures)")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A plugin's state and the crashes of its worker are known to the new program`() async throws {
    try await withUpgradableHost([.probe("counting")], configuration: "workers = 1\nthreads = 1") { host, program in
      let before = try await host.shownWorkers()
      kill(try #require(before.first), SIGKILL)
      try await host.log.line(containing: "worker 1 serves again")
      for count in 1...3 { #expect(try await host.get("/count").text == "\(count)\n") }
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
      try await host.onlyNewWorkersAreLeft(1)
      #expect(try await host.get("/count").text == "4\n")
      #expect(try await host.adminJSON("/status").objects("workers").first?.number("crashes") == 1)
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `If a loop hangs in a worker that the upgrade has replaced, its clients do not wait for the drain`()
    async throws
  {
    let configuration = "workers = 1\nthreads = 1\ndrain_timeout = \"1h\"\n[limits]\nhang_limit = \"500ms\""
    try await withUpgradableHost([.probe("deaths")], configuration: configuration) { host, program in
      let client = try await host.connectToWorker()
      try await client.ask("/block-after/blocked")
      try await host.log.line { $0.text == "waits" }
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
      try host.directory.write("", as: "blocked")
      let line = try await host.log.line(containing: "event loop 0 has not turned for hang_limit (500 ms), since ")
      #expect(line.contains("CRITICAL") && line.contains("the clients of the loop get no response"), "\(line)")
      #expect(line.field("plugin") == "deaths/1" && line.field("fault") == "plugin", "\(line)")
      #expect(try await client.client.rest().isEmpty)
      try await host.onlyNewWorkersAreLeft(1)
    }
  }

  @Test func `An upgrade is refused if a plugin cannot save its state`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      static int32_t save(ambit_scope *plugin) { return ambit_fail(plugin, AMBIT_FAILED, "no room"); }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "full", .save = save};
      """, name: "full")
    try await withUpgradableHost([plugin], configuration: "workers = 2\nthreads = 1") { host, program in
      let before = try await host.shownWorkers()
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(1))
      #expect(upgrade.errors.contains("nothing has changed") && upgrade.errors.contains("no room"), "\(upgrade.errors)")
      #expect(try await host.shownWorkers() == before)
    }
  }

  @Test func `A request in an old worker finishes while the status shows the worker draining`() async throws {
    try await withUpgradableHost([Self.waiting], configuration: "workers = 1\nthreads = 1") { host, program in
      let connection = try host.connect()
      defer { connection.close() }
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      let old = try #require(try await host.shownWorkers().first)
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.map { $0.text("state") } == ["serving", "draining"])
      #expect(workers.last?.number("pid") == Int(old))
      try host.directory.write("", as: "go")
      #expect(try await connection.response().text == "went")
      try await host.onlyNewWorkersAreLeft(1)
    }
  }

  @Test func `Workers that finish their requests already do so over several upgrades, also one that falls back`()
    async throws
  {
    let limits = "drain_timeout = '60s'\nstart = 'strict'\n"
    try await withUpgradableHost([Self.waiting], configuration: limits + "workers = 2\nthreads = 1") { host, program in
      var clients: [Client] = []
      defer { for client in clients { client.close() } }
      func ask(_ count: Int) async throws {
        let position = host.log.position
        for _ in 0..<count {
          let client = try host.connect()
          clients.append(client)
          try await client.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
        }
        _ = try await host.log.lines(count, after: position) { $0.contains("handler waits") }
      }
      try await ask(6)
      let old = Set(try await host.shownWorkers())
      // One worker is replaced, and the place of the other one is given up.
      try host.configure(limits + "workers = 1\nthreads = 2")
      try await host.reload()
      try await ask(1)
      let first = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(first.status == .exited(0), "\(first.errors)")
      #expect(old.isSubset(of: try await host.drainingWorkers()))
      try await ask(1)
      let second = try await run(Places.ambit.filePath, ["upgrade"], in: host.directory)
      #expect(second.status == .exited(0), "\(second.errors)")
      try await ask(1)
      for name in ["fail-1", "fail-2"] { try host.directory.write("", as: name) }
      let third = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(third.status == .exited(1) && third.errors.contains("serves again"), "\(third.errors)")
      #expect(old.isSubset(of: try await host.drainingWorkers()))
      try host.directory.write("", as: "go")
      for client in clients { #expect(try await client.response().text == "went") }
      try await host.onlyNewWorkersAreLeft(1)
      let ends = host.log.lines { $0.contains(" died") || $0.contains("the supervisor is gone") }
      #expect(ends.isEmpty, "\(ends)")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A worker that is stopped during an upgrade learns that new workers serve`() async throws {
    try await withUpgradableHost(
      [Self.waiting], configuration: "drain_timeout = '60s'\nworkers = 1\nthreads = 1"
    ) { host, program in
      let connection = try host.connect()
      defer { connection.close() }
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      let old = try #require(try await host.shownWorkers().first)
      kill(old, SIGSTOP)
      try await host.log.line(containing: "was stopped by SIGSTOP")
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
      kill(old, SIGCONT)
      try await host.log.line(containing: "new workers serve: this one finishes what it has begun, and ends")
      try host.directory.write("", as: "go")
      #expect(try await connection.response().text == "went")
      try await host.onlyNewWorkersAreLeft(1)
      #expect(host.log.lines { $0.contains("the supervisor is gone") }.isEmpty)
    }
  }

  @Test func `Workers of a program whose successor dies before it serves say so, and finish their requests`()
    async throws
  {
    try await withUpgradableHost(
      [Self.waiting], configuration: "drain_timeout = '60s'\nworkers = 1\nthreads = 1", mayCrash: true
    ) { host, program in
      let connection = try host.connect()
      defer { connection.close() }
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "handler waits")
      try host.directory.write("", as: "hold")
      async let upgrade = run(program.filePath, ["upgrade"], in: host.directory)
      try await host.log.line(containing: "start waits")
      host.child.signal(SIGKILL)
      let died = ContinuousClock.now
      let result = try await upgrade
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("the host (pid \(host.child.pid)) has ended before it became"), "\(result.errors)")
      #expect(ContinuousClock.now - died < .seconds(20), "a busy machine takes some seconds, a silent host 30 s")
      // Also the worker of the new program may say so.
      try await host.log.line(containing: "the supervisor is gone")
      try host.directory.write("", as: "go")
      #expect(try await connection.response().text == "went")
      #expect(host.log.lines { $0.contains("new workers serve") }.isEmpty)
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `A signal to stop ends the host at every moment of an upgrade`(signal: Int32) async throws {
    for delay in stride(from: 0, through: 21, by: 3) {
      try await withUpgradableHost([.sample("hello")], configuration: "workers = 1\nthreads = 1") { host, program in
        async let upgrade = run(program.filePath, ["upgrade"], in: host.directory)
        try await host.log.line(containing: "the new program takes over")
        usleep(UInt32(delay) * 500)
        host.child.signal(signal)
        let end = try await eventually(until: { $0 != nil }) { host.child.earlyStatus }
        #expect(end == .exited(0), "a signal \(delay * 500) µs after the line: \(host.log.text)")
        if end == nil { host.child.signal(SIGKILL) }
        _ = try await upgrade
      }
    }
  }

  @Test func `The new program listens as the configuration says now, and the service manager is told`() async throws {
    let folder = try TemporaryFolder()
    let socket = try NotifySocket(in: folder.url)
    try await withUpgradableHost(
      [.sample("hello")], configuration: "workers = 1\nthreads = 1", listeners: ["unix:old.sock"],
      environment: ["NOTIFY_SOCKET": socket.address]
    ) { host, program in
      _ = try await socket.next(with: "READY=1")
      let text = try String(contentsOf: host.directory.appending(path: "host.conf"), encoding: .utf8)
      try host.directory.write(text.replacing("old.sock", with: "new.sock"), as: "host.conf")
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(0), "\(upgrade.errors)")
      _ = try await socket.next(with: "RELOADING=1")
      _ = try await socket.next(with: "READY=1")
      #expect(!FileManager.default.fileExists(atPath: host.directory.appending(path: "old.sock").filePath))
      let connection = try Client(path: host.directory.appending(path: "new.sock").filePath)
      defer { connection.close() }
      try await connection.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 200)
      #expect(try await host.get("/hello/World").status == 200, "the other socket is the same")
    }
  }

  @Test func `The watchdog of the service manager gets messages while the new program starts`() async throws {
    let folder = try TemporaryFolder()
    let socket = try NotifySocket(in: folder.url)
    try await withUpgradableHost(
      [Self.waiting], configuration: "dry_run_timeout = '60s'\nworkers = 1\nthreads = 1",
      environment: ["NOTIFY_SOCKET": socket.address, "WATCHDOG_USEC": "400000"]
    ) { host, program in
      try host.directory.write("", as: "hold")
      async let upgrade = run(program.filePath, ["upgrade"], in: host.directory)
      try await host.log.line(containing: "start waits")
      while socket.nextSoFar() != nil {}
      for _ in 0..<3 { #expect(try await socket.next().lines == ["WATCHDOG=1"]) }
      try FileManager.default.removeItem(at: host.directory.appending(path: "hold"))
      #expect(try await upgrade.status == .exited(0))
      for _ in 0..<2 { _ = try await socket.next(with: "WATCHDOG=1") }
    }
  }

  @Test func `A program that cannot take over is refused with the reason, and nothing changes`() async throws {
    try await withUpgradableHost([.sample("hello")], configuration: "workers = 1\nthreads = 1") { host, program in
      let plain = host.directory.appending(path: "plain")
      try Data(contentsOf: program).prefix(4096).write(to: plain)
      let workers = try await host.shownWorkers()
      for (path, reason) in [
        (plain.filePath, "cannot start it"),
        (host.directory.appending(path: "missing").filePath, "cannot start it: No such file or directory"),
        ("/bin/true", "is no ambit that can take over from a running host"),
        ("/bin/cat", "is no ambit that can take over from a running host"),
        ("ambit", "expected the absolute path of a program"),
      ] {
        let answer = try await host.admin("/upgrade?program=\(path)", "-X", "POST", "-w", "%{http_code}")
        #expect(answer.text.hasSuffix("422") && answer.text.contains(reason), "\(answer.text)")
      }
      let bare = try await host.admin("/upgrade", "-X", "POST", "-w", "%{http_code}")
      #expect(bare.text.hasSuffix("400"), "\(bare.text)")

      try await PluginFile.bytes(Array("no library".utf8), name: "broken").install(in: host.plugins)
      let refused = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(refused.status == .exited(1) && refused.errors.contains("broken.so"), "\(refused.errors)")
      try FileManager.default.removeItem(at: host.plugins.appending(path: "broken.so"))

      try host.configure("workers = 1\nthreads = 1\nwokers = 2")
      let broken = try await run(program.filePath, ["upgrade", "--socket", host.adminSocket], in: host.directory)
      #expect(broken.status == .exited(1) && broken.errors.contains("wokers"), "\(broken.errors)")

      #expect(try await host.shownWorkers() == workers)
      #expect(try host.program == Places.ambit.resolvingSymlinksInPath().filePath)
      let last = try await host.adminJSON("/status").object("upgrade")
      #expect(last.text("result") == "refused" && last.number("number") == 7)
    }
  }

  @Test func `A new program whose plugin fails at the start gives way to the one before, under load`() async throws {
    try await withUpgradableHost([Self.failing], configuration: Self.oneStrictWorker) { host, program in
      let clients = VersionClients(of: host, "/hello/World", kept: 3, fresh: 3)
      try await clients.round()
      // The file fails, then its last good copy.
      for name in ["fail-1", "fail-2"] { try host.directory.write("", as: name) }
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(1) && upgrade.errors.contains("fails once"), "\(upgrade.errors)")
      #expect(upgrade.errors.contains("did not start, ambit 0.1.0 serves again"), "\(upgrade.errors)")
      #expect(try host.program == Places.ambit.resolvingSymlinksInPath().filePath)
      #expect(try await host.adminJSON("/status").object("upgrade").text("result") == "fallen_back")
      try await clients.round()
      try await host.onlyNewWorkersAreLeft(1)
      let failures = await clients.stop().failures
      #expect(failures.isEmpty, "\(failures)")
      let again = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(again.status == .exited(0), "\(again.errors)")
    }
  }

  @Test func `A file that the new program refuses is named, its last good copy serves, and the command fails`()
    async throws
  {
    let folder = try TemporaryFolder()
    let socket = try NotifySocket(in: folder.url)
    try await withUpgradableHost(
      [Self.failing], configuration: "workers = 1\nthreads = 1", environment: ["NOTIFY_SOCKET": socket.address]
    ) { host, program in
      _ = try await socket.next(with: "READY=1")
      try host.directory.write("", as: "fail-1")
      let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
      #expect(upgrade.status == .exited(1), "\(upgrade.errors)")
      for part in ["upgraded from ambit", "fails once", "plugin failing serves its last good copy"] {
        #expect(upgrade.text.contains(part), "\(upgrade.text)")
      }
      let status = try await host.adminJSON("/status").object("upgrade")
      #expect(status.text("result") == "partial" && status.texts("reasons").count == 2, "\(status)")
      #expect(try await socket.next(with: "READY=1")["STATUS"]?.contains("1 file refused, its last good copy") == true)
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A new program that cannot have an address gives way to the one before, with its configuration`()
    async throws
  {
    try await withUpgradableHost([.sample("hello")], configuration: "workers = 1\nthreads = 1") { host, program in
      try await withUpgradableHost([], configuration: "workers = 1\nthreads = 1") { other, _ in
        let file = host.directory.appending(path: "host.conf")
        let text = try String(contentsOf: file, encoding: .utf8)
        let taken = "127.0.0.1:\(other.port)"
        try host.directory.write(text.replacing("127.0.0.1:0\"", with: "127.0.0.1:0\", \"\(taken)\""), as: "host.conf")
        let upgrade = try await run(program.filePath, ["upgrade"], in: host.directory)
        #expect(upgrade.status == .exited(1))
        #expect(upgrade.errors.contains("cannot listen on \(taken)"), "\(upgrade.errors)")
        #expect(try host.program == Places.ambit.resolvingSymlinksInPath().filePath)
        #expect(try await host.get("/hello/World").status == 200)
        try await host.onlyNewWorkersAreLeft(1)
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test func `A host in one process says that it cannot be upgraded`() async throws {
    try await withHost([.sample("hello")], isSingle: true) { host in
      let upgrade = try await ambit("upgrade", in: host.directory)
      #expect(upgrade.status == .exited(1) && upgrade.errors.contains("runs in one process (--single)"))
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  private static let oneStrictWorker = "workers = 1\nthreads = 1\nstart = 'strict'"

  /// Its `start` fails in a worker once for each file `fail-1`, `fail-2` in the host's folder.
  private static let failing = PluginFile.source(
    """
    #include <ambit.h>
    #include <unistd.h>
    static int32_t start(ambit_scope *plugin) {
      if (ambit_extension(plugin, "ambit.dry_run/1") == NULL && (unlink("fail-1") == 0 || unlink("fail-2") == 0))
        return ambit_fail(plugin, AMBIT_FAILED, "fails once");
      return AMBIT_OK;
    }
    static int32_t hello(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "hello"); }
    static const ambit_route routes[] = {{.pattern = "GET /hello/{name}", .handler = hello}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "failing", .version = "1", .start = start, .routes = routes, .route_count = 1};
    """, name: "failing")

  /// Its handler answers when there is a file `go` in the host's folder. Its `start` fails in a worker once for each file
  /// `fail-1`, `fail-2` there, and waits while there is a file `hold`.
  private static let waiting = PluginFile.source(
    """
    #include <ambit.h>
    #include <stdio.h>
    #include <unistd.h>
    static int32_t start(ambit_scope *plugin) {
      if (ambit_extension(plugin, "ambit.dry_run/1") != NULL) return AMBIT_OK;
      if (unlink("fail-1") == 0 || unlink("fail-2") == 0) return ambit_fail(plugin, AMBIT_FAILED, "fails once");
      if (access("hold", F_OK) == 0) fprintf(stderr, "start waits\\n");
      while (access("hold", F_OK) == 0) usleep(2000);
      return AMBIT_OK;
    }
    static int32_t wait(ambit_scope *scope) {
      fprintf(stderr, "handler waits\\n");
      while (access("go", F_OK) != 0)
        if (ambit_sleep(scope, AMBIT_MILLISECONDS(5)) != AMBIT_OK) return AMBIT_CANCELLED;
      return ambit_respondf(scope, 200, "text/plain", "went");
    }
    static const ambit_route routes[] = {{.pattern = "GET /wait", .handler = wait}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "waiting", .version = "1", .start = start, .routes = routes, .route_count = 1};
    """, name: "waiting")
}

/// Runs a host with workers, and hands over a copy of the binary under test besides, which has a name of its own.
private func withUpgradableHost(
  _ plugins: [PluginFile], configuration: String, listeners: [String] = [], environment: [String: String] = [:],
  mayCrash: Bool = false, _ body: @Sendable (Host, _ program: URL) async throws -> Void
) async throws {
  try await withHost(
    plugins, configuration: configuration, listeners: listeners, environment: environment, isSingle: false,
    mayCrash: mayCrash
  ) { host in
    let program = host.directory.appending(path: "ambit-next").resolvingSymlinksInPath()
    // By another process: a program that another test starts meanwhile would inherit the file, open for writing.
    _ = try await run("cp", [Places.ambit.resolvingSymlinksInPath().filePath, program.filePath])
    try await body(host, program)
  }
}

extension Host {
  /// The file of the program that runs as the host.
  fileprivate var program: String {
    get throws { try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/exe") }
  }

  /// The processes of all workers that the status shows.
  fileprivate func shownWorkers() async throws -> [pid_t] {
    try await adminJSON("/status").objects("workers").compactMap { $0.number("pid").map(pid_t.init) }
  }

  /// Those that finish their requests.
  fileprivate func drainingWorkers() async throws -> Set<pid_t> {
    let workers = try await adminJSON("/status").objects("workers").filter { $0.text("state") == "draining" }
    return Set(workers.compactMap { $0.number("pid").map(pid_t.init) })
  }

  /// Waits until the workers of the program before have ended.
  fileprivate func onlyNewWorkersAreLeft(_ count: Int) async throws {
    try await eventually(until: { $0 == count }) { try await adminJSON("/status").objects("workers").count }
  }
}
