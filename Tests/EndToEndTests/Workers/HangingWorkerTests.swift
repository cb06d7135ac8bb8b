import Foundation
import Glibc
import TestSupport
import Testing

/// Workers of which event loops are blocked for `hang_limit`.
@Suite(.disabled(if: Places.isSanitized)) struct `An event loop that hangs` {
  /// Without a roll-back, and without a quarantine.
  private static func configuration(_ loops: Int, limit: String = "500ms", drain: String = "1m") -> String {
    """
    workers = 1
    threads = \(loops)
    crash_limit = 1000
    prove_time = "0s"
    drain_timeout = "\(drain)"
    [limits]
    hang_limit = "\(limit)"
    """
  }

  /// Asks for a path that blocks a loop, and waits until it does.
  @discardableResult
  private func block(_ host: Host, _ path: String = "/block", on connection: Client? = nil) async throws -> Client {
    let position = host.log.position
    let client = try connection ?? host.connect()
    try await client.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    try await host.log.line(after: position) { $0.text == "blocks" || $0.text == "hangs" }
    return client
  }

  /// Connects to two loops of the only worker, and asks one of them for a path whose request waits.
  private func wait(_ host: Host, _ path: String) async throws -> (client: Client, other: WorkerConnection) {
    func connect() async throws -> (WorkerConnection, loop: String) {
      let connection = try await host.connectToWorker()
      try await connection.ask("/thread-number")
      return (connection, try await connection.client.response().text)
    }
    let (first, loop) = try await connect()
    var others = [try await connect()]
    // The loop with fewer connections accepts the next one, sooner or later.
    while others.last!.loop == loop { others.append(try await connect()) }
    let position = host.log.position
    try await others.last!.0.ask(path)
    try await host.log.line(after: position) { $0.text == "waits" }
    return (first.client, others.last!.0)
  }

  /// As `wait` with a request that will block its loop; a request on the other loop, if there are two, waits, too.
  private func waitTwice(_ host: Host, onLoops loops: Int) async throws -> (client: Client?, other: WorkerConnection) {
    guard loops == 1 else {
      let (client, other) = try await wait(host, "/block-after/blocked")
      let position = host.log.position
      try await client.send("GET /until/released HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(after: position) { $0.text == "waits" }
      return (client, other)
    }
    let other = try await host.connectToWorker()
    try await other.ask("/block-after/blocked")
    try await host.log.line { $0.text == "waits" }
    return (nil, other)
  }

  @Test
  func `If no other loop of the worker turns, the worker is ended, and the plugin that blocks the loop is blamed`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: Self.configuration(1)) { host in
      let client = try await block(host)
      let cause = "worker 1 died: it has accepted no connection for hang_limit (500 ms)"
      let line = try await host.log.line(containing: cause)
      #expect(line.contains("since event loop 0 is blocked by handler GET /block of plugin deaths/1"), "\(line)")
      #expect(line.contains("CRITICAL") && line.field("fault") == "plugin", "\(line)")
      #expect(line.field("plugin") == "deaths/1" && line.field("route") == "GET /block", "\(line)")
      #expect(line.field("work") == "handler" && line.field("request") != nil, "\(line)")
      // On a busy machine the thread may be about to run.
      #expect((line.field("stack_guess") ?? line.field("stack"))?.contains("deaths.") == true, "\(line)")
      try await host.log.line(after: line.number, containing: "serves again")
      #expect(try await client.rest().isEmpty)
      #expect(try await host.adminJSON("/status").objects("workers").map { $0.number("crashes") } == [1])
      let history = try await host.adminJSON("/history?plugin=deaths").objects("generations")
      #expect(history.map { $0.number("crashes") } == [1])
      #expect(host.log.lines { $0.contains("has accepted no connection") }.count == 1, "once for one death")
    }
  }

  @Test func `A loop that handles many requests one after the other does not hang, however long all take together`()
    async throws
  {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t nap(ambit_scope *scope) {
        usleep(100000);
        return ambit_respond(scope, 200, "text/plain", "slept", 5);
      }
      static const ambit_route routes[] = {{.pattern = "GET /nap", .handler = nap}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "naps", .routes = routes,
        .route_count = 1};
      """, name: "naps")
    try await withHost([plugin], configuration: Self.configuration(1, limit: "1s")) { host in
      let client = try host.connect()
      try await client.send(String(repeating: "GET /nap HTTP/1.1\r\nHost: ambit\r\n\r\n", count: 24))
      for _ in 0..<24 { #expect(try await client.response().text == "slept") }
      #expect(host.log.lines { $0.contains("CRITICAL") }.isEmpty)
    }
  }

  @Test func `The other loops of its worker serve until another worker does, and finish their requests`() async throws {
    let settings = "\ncrash_dir = \"reports\"\n"
    try await withHost([.probe("deaths")], configuration: settings + Self.configuration(2)) { host in
      let (client, other) = try await wait(host, "/until/released")
      try await block(host, on: client)
      let line = try await host.log.line(containing: "worker 1 hangs: event loop ")
      #expect(line.contains(" has not turned for hang_limit (500 ms), since it is blocked by handler GET /"), "\(line)")
      #expect(line.field("plugin") == "deaths/1" && line.field("pid") == "\(other.pid)", "\(line)")
      // Its client does not wait for the end of the worker.
      #expect(try await client.rest().isEmpty)
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.map { $0.text("state") } == ["serving", "draining"])
      #expect(workers.map { $0.number("crashes") } == [1, 0])
      #expect(workers[1].number("pid") == Int(other.pid))
      // The old one accepts no more connections in a moment.
      try await eventually(until: { $0 == workers[0].number("pid") }) { Int(try await host.connectToWorker().pid) }
      // A worker that gets no more orders holds up no reload.
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      try host.directory.write("", as: "released")
      #expect(try await other.client.response().text == "held\n")
      let end = try await host.log.line(containing: "(pid \(other.pid)), of which an event loop has hung, ")
      #expect(end.contains("NOTICE") && end.contains("SIGABRT"), "\(end)")
      #expect(host.log.lines { $0.contains("worker 1 died") }.isEmpty)
      #expect(try await host.adminJSON("/status").objects("workers").map { $0.number("crashes") } == [1])
      let report = try #require(line.field("report").map { URL(filePath: $0) })
      try await eventually(until: { $0 }) { FileManager.default.fileExists(atPath: report.filePath) }
      let text = try String(contentsOf: report, encoding: .utf8)
      #expect(text.hasPrefix("worker 1 hangs: event loop ") && text.contains("blamed: deaths/1"), "\(text)")
      #expect(text.contains("deaths.1.") && text.contains("Threads ran:"), "\(text)")
    }
  }

  @Test func `It is blamed on the computation, the job or the tick that blocks it`() async throws {
    let configuration = Self.configuration(2, limit: "300ms", drain: "100ms")
    try await withHost([.probe("deaths")], configuration: configuration) { host in
      for (place, phrase) in [
        ("handler", "handler GET /block-in/{how} of plugin deaths/1"),
        ("job", "job blocking of plugin deaths/1 (GET /block-in/{how})"),
        ("tick", "job blocking of plugin deaths/1 (GET /block-in/{how})"),
      ] {
        let position = host.log.position
        let client = try await block(host, "/block-in/\(place)")
        let line = try await host.log.line(after: position, containing: "worker 1 hangs: event loop ")
        #expect(line.contains("blocked by \(phrase)"), "\(line)")
        #expect(line.field("plugin") == "deaths/1", "\(line)")
        #expect(line.field("work") == (place == "handler" ? "handler" : "job"), "\(line)")
        #expect(try await client.rest().isEmpty)
        try await host.log.line(after: line.number, containing: "worker 1 serves again")
        try await host.log.line(after: line.number, containing: ", of which an event loop has hung, ")
      }
    }
  }

  @Test(arguments: ["on_end", "on_cancel", "deferred"])
  func `It is blamed on the hook that blocks it`(place: String) async throws {
    let settings = "\n[plugin.hangs]\nin = \"\(place)\""
    try await withHost([.fixture("hangs")], configuration: Self.configuration(2, drain: "1s") + settings) { host in
      let client = try host.connect()
      try await client.send("GET /hangs HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.text == "handler waits" }
      client.close()
      let line = try await host.log.line(containing: "worker 1 hangs: event loop ")
      #expect(line.contains("\(place) function of plugin hangs/1 (GET /hangs)"), "\(line)")
      #expect(line.field("plugin") == "hangs/1", "\(line)")
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
    }
  }

  @Test func `If it turns again, its worker is replaced nevertheless, and ends by itself`() async throws {
    let settings = "\n[plugin.hangs]\nin = \"handler\"\nuntil = \"returns\""
    try await withHost([.probe("deaths"), .fixture("hangs")], configuration: Self.configuration(2) + settings) { host in
      let (client, other) = try await wait(host, "/until/released")
      try await block(host, "/hangs", on: client)
      let line = try await host.log.line(containing: "worker 1 hangs: event loop ")
      #expect(line.field("plugin") == "hangs/1", "\(line)")
      #expect(try await client.rest().isEmpty)
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
      try host.directory.write("", as: "returns")
      try await host.log.line(after: line.number, containing: "event loop runs again")
      try host.directory.write("", as: "released")
      #expect(try await other.client.response().text == "held\n")
      let end = try await host.log.line(containing: "(pid \(other.pid)), of which an event loop has hung, ")
      #expect(end.contains("status 0"), "\(end)")
    }
  }

  @Test func `If another plugin blocks the others while they finish their requests, it is blamed, too`()
    async throws
  {
    let configuration = Self.configuration(2, drain: "1h") + "\n[plugin.hangs]\nin = \"handler\""
    try await withHost([.probe("deaths"), .fixture("hangs")], configuration: configuration) { host in
      let (client, other) = try await wait(host, "/block-after/blocked")
      try await block(host, "/hangs", on: client)
      let first = try await host.log.line(containing: "worker 1 hangs: event loop ")
      #expect(first.field("plugin") == "hangs/1", "\(first)")
      try await host.log.line(containing: "worker 1 serves again")
      try host.directory.write("", as: "blocked")
      #expect(try await other.client.rest().isEmpty)
      let end = try await host.log.line(containing: "(pid \(other.pid)), of which an event loop has hung, ")
      #expect(end.contains("SIGABRT"), "\(end)")
      let second = try await host.log.line(containing: "worker 1 hangs while it drains: event loop ")
      #expect(second.contains("CRITICAL") && second.field("plugin") == "deaths/1", "\(second)")
      #expect(host.log.lines { $0.contains("worker 1 died") || $0.contains("worker 1 hangs") }.count == 2)
      for plugin in ["hangs", "deaths"] {
        let history = try await host.adminJSON("/history?plugin=\(plugin)").objects("generations")
        #expect(history.map { $0.number("crashes") } == [1], "\(plugin)")
      }
    }
  }

  @Test(arguments: [(2, "reload"), (2, "stop"), (1, "stop")])
  func `If it hangs while its worker drains for a reload or a stop, its clients do not wait, and the plugin is blamed`(
    loops: Int, event: String
  ) async throws {
    try await withHost([.probe("deaths")], configuration: Self.configuration(loops, drain: "1h")) { host in
      let (client, other) = try await waitTwice(host, onLoops: loops)
      if event == "reload" {
        try host.configure(Self.configuration(3, drain: "1h"))
        #expect(try await ambit("reload", in: host.directory).status == .exited(0))
      } else {
        host.child.signal(SIGTERM)
        try await host.log.line(containing: "stopping requests")
      }
      try host.directory.write("", as: "blocked")
      let line = try await host.log.line(containing: "worker 1 hangs while it drains: event loop ")
      #expect(line.contains("CRITICAL") && line.contains("blocked by handler GET /block-after/"), "\(line)")
      #expect(line.field("plugin") == "deaths/1" && line.field("pid") == "\(other.pid)", "\(line)")
      #expect(try await other.client.rest().isEmpty)
      try host.directory.write("", as: "released")
      if let client { #expect(try await client.response().text == "held\n") }
      let end = try await host.log.line(containing: "(pid \(other.pid)), of which an event loop has hung, ")
      #expect(end.contains("SIGABRT"), "\(end)")
      if event == "stop" { #expect(await host.child.status == .exited(0)) }
    }
  }

  @Test func `A reload that a blocked loop refuses takes another hang_limit into use, also for that loop`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: Self.configuration(1, limit: "1h")) { host in
      let client = try await block(host)
      try host.configure(Self.configuration(1, limit: "300ms"))
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("nothing has changed but limits.hang_limit, which is 300ms now"), "\(reload.text)")
      try await host.log.line(containing: "worker 1 died: it has accepted no connection for hang_limit (300 ms)")
      #expect(try await client.rest().isEmpty)
    }
  }

  @Test func `A reload that has waited for it goes on without its worker`() async throws {
    try await withHost([.probe("deaths"), .placed("1")], configuration: Self.configuration(2, drain: "1s")) { host in
      _ = try await block(host)
      try await PluginFile.placed("2").install(in: host.plugins)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0), "\(reload.text)")
      try await host.log.line(containing: "worker 1 serves again")
      #expect(try await host.get("/place").text == "1 2\n")
    }
  }

  @Test func `The host stops while a worker of which a loop hangs finishes its requests`() async throws {
    let configuration = "cancel_grace = \"200ms\"\n" + Self.configuration(2, drain: "500ms")
    try await withHost([.probe("deaths")], configuration: configuration) { host in
      let (client, _) = try await wait(host, "/until/never")
      try await block(host, on: client)
      try await host.log.line(containing: "worker 1 hangs: event loop ")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `The third hang quarantines the plugin, and another one serves on`() async throws {
    let configuration = """
      workers = 2
      threads = 2
      prove_time = "0s"
      drain_timeout = "100ms"
      [limits]
      hang_limit = "300ms"
      """
    try await withHost([.probe("deaths"), .placed("1")], configuration: configuration) { host in
      // Another loop of a worker that ends because of a hang does not count.
      while true {
        let client = try host.connect()
        try await client.send("GET /block HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
        guard try await client.rest().isEmpty else { break }
        #expect(try await host.get("/place").status == 200)
      }
      let line = try await host.log.line(containing: "plugin deaths/1 is quarantined: 3 crashes in ")
      #expect(line.contains("the last: ") && line.contains("blocked by handler GET /block of plugin"), "\(line)")
      try await eventually(until: { $0 }) {
        for _ in 1...10 where try await host.get("/pid").status != 503 { return false }
        return true
      }
      #expect(try await host.answers("/place", ofWorkers: 2).count == 2)
    }
  }
}

/// Workers whose process is stopped.
@Suite struct `A worker that accepts no connection` {
  @Test func `While one worker is stopped, another one accepts all connections, and nobody is replaced`() async throws {
    let configuration = "workers = 2\nthreads = 1\n[limits]\nhang_limit = \"200ms\""
    try await withHost([.probe("deaths")], configuration: configuration) { host in
      let (stopped, other) = try await host.connectToTwoWorkers()
      kill(stopped.pid, SIGSTOP)
      let line = try await host.log.line(containing: "(pid \(stopped.pid)) was stopped by SIGSTOP")
      #expect(line.contains("WARNING"), "\(line)")
      try await stopped.ask("/pid")
      for _ in 0..<40 { #expect(try await host.connectToWorker().pid == other.pid) }
      kill(stopped.pid, SIGCONT)
      try await host.log.line(after: line.number, containing: "(pid \(stopped.pid)) was continued")
      #expect(try await stopped.client.response().text == "\(stopped.pid)")
      #expect(host.log.lines { $0.contains("serves again") }.isEmpty)
    }
  }

  @Test func `Workers serve on while the supervisor is stopped, and one that ends meanwhile is replaced afterwards`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "workers = 2\nthreads = 1") { host in
      let (doomed, other) = try await host.connectToTwoWorkers()
      host.child.signal(SIGSTOP)
      kill(doomed.pid, SIGKILL)
      #expect(try await doomed.client.rest().isEmpty)
      for _ in 0..<20 { #expect(try await host.connectToWorker().pid == other.pid) }
      host.child.signal(SIGCONT)
      try await host.log.line(containing: " died: SIGKILL")
      try await host.log.line(containing: "serves again")
    }
  }
}
