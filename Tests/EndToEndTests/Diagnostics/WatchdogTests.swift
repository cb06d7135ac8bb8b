import Foundation
import TestSupport
import Testing

/// Reports of the host about code that runs on although it should not.
@Suite struct `The watchdog` {
  private static let shortGrace = "threads = 2\ncancel_grace = \"1500ms\""
  /// For reports of what comes soon after the beginning of a turn: a busy machine may be slow.
  private static let lateWarning = "stall_warning = \"300ms\""
  /// For tests that have to see how the start of `holds_up_loop` blocks a loop.
  private static let longSleep = "\n[plugin.holds_up_loop]\nsleeps = \"long\"\n"

  /// A route that leaves a job behind, the job's name, and what the report says of its work.
  struct Stubborn: Sendable, CustomTestStringConvertible {
    let path: String
    var job: String?
    let states: [String]
    let stack: String
    let function: String
    var returns = "has returned "
    var testDescription: String { path }
  }

  @Test(arguments: [
    Stubborn(path: "/waits", job: "waiter", states: ["blocked", "ready"], stack: "stack", function: "waits"),
    Stubborn(path: "/computes", job: "reckoner", states: ["running"], stack: "stack", function: "computes"),
    Stubborn(path: "/blocks", job: "reader", states: ["in openat"], stack: "stack_guess", function: "blocks"),
    Stubborn(path: "/waits-as-handler", states: ["blocked", "ready"], stack: "stack", function: "waits_as_handler"),
    Stubborn(
      path: "/holds-the-loop", states: ["running"], stack: "stack", function: "holds_the_loop",
      returns: "event loop runs again after"),
  ])
  func `The watchdog reports a cancelled job that does not return twice: after a second and after its grace`(
    stubborn: Stubborn
  ) async throws {
    try await withHost([.fixture("ignores_cancel")], configuration: "threads = 2\ncancel_grace = \"3s\"") { host in
      let gate = host.directory.appending(path: "gate").path
      #expect(mkfifo(gate, 0o600) == 0)
      let connection = try host.connect()
      try await connection.send("GET \(stubborn.path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let stuck = try await host.log.line(containing: "is stuck")
      let late = try #require(host.log.lines { $0.contains("has not returned 1 s after its cancel") }.first)
      for line in [late, stuck] {
        #expect(line.field("plugin") == "ignores_cancel/1" && line.field("route") == "GET \(stubborn.path)", "\(line)")
        #expect(line.field("job") == stubborn.job && line.field("fault") == "plugin", "\(line)")
        #expect(line.field("work") == (stubborn.job == nil ? "handler" : "job"), "\(line)")
        #expect(stubborn.states.contains(line.field("state") ?? ""), "\(line)")
        let stack = try #require(line.field(stubborn.stack), "\(line)")
        #expect(stack.contains(" \(stubborn.function)+0x") && stack.contains("(ignores_cancel.1."), "\(line)")
      }
      #expect(stuck.field("cancelled_ms").flatMap { Int($0) } ?? 0 >= 3000)
      try host.directory.write("", as: "release")
      close(open(gate, O_WRONLY | O_NONBLOCK))
      try await host.log.line(containing: stubborn.returns)
      #expect(host.log.lines { $0.contains("after its cancel:") || $0.contains("is stuck") }.count == 2)
    }
  }

  @Test func `The watchdog names a lock that a suspended handler holds while another waits for it on the same loop`()
    async throws
  {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <pthread.h>
      #include <stdio.h>
      static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
      static int32_t locked(ambit_scope *scope) {
        pthread_mutex_lock(&mutex);
        dprintf(2, "locked\\n");
        ambit_sleep(scope, AMBIT_SECONDS(3600));
        pthread_mutex_unlock(&mutex);
        return AMBIT_OK;
      }
      static int32_t waiting(ambit_scope *scope) { return locked(scope); }
      static const ambit_route routes[] = {
        {.pattern = "GET /locked", .handler = locked}, {.pattern = "GET /waiting", .handler = waiting}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "locker", .routes = routes, .route_count = 2};
      """, name: "locker")
    try await withHost([plugin], configuration: "threads = 1") { host in
      let (first, second) = (try host.connect(), try host.connect())
      try await first.send("GET /locked HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "locked")
      try await second.send("GET /waiting HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "event loop blocked for")
      #expect(
        line.contains(
          """
          by handler GET /waiting of plugin locker/1, which waits for a lock that handler GET /locked of plugin \
          locker/1 probably holds while it is suspended in scope
          """), "\(line)")
      #expect(line.contains(": a job must not hold a lock across a wait"), "\(line)")
      #expect(line.field("state") == "in futex" && line.field("route") == "GET /waiting", "\(line)")
    }
  }

  @Test func `The watchdog counts a stuck job in the scope tree until it returns`() async throws {
    try await withHost([.fixture("ignores_cancel")], configuration: Self.shortGrace) { host in
      _ = try await host.get("/waits")
      try await host.log.line(containing: "is stuck")
      let before = try await tree(of: host)
      #expect(before.field("stuck_jobs") == "1")
      #expect(host.log.lines { $0.field("stuck") == "true" }.map { $0.field("job") } == ["waiter"])
      try host.directory.write("", as: "release")
      try await host.log.line(containing: "a stuck job has returned")
      let after = try await tree(of: host)
      #expect(after.field("stuck_jobs") == "0")
    }
  }

  @Test(
    arguments: [
      ("/handler", "handler", nil), ("/job", "job", "spinner"), ("/on_end", "on_end function", nil),
      ("/on_cancel", "on_cancel function", nil), ("/deferred", "deferred function", nil),
    ] as [(String, String, String?)])
  func `The watchdog names what blocks a loop while it does, and reports when it is over`(
    path: String, work: String, job: String?
  ) async throws {
    try await withHost([.fixture("holds_up_loop")], configuration: Self.lateWarning) { host in
      // Any loop may be blocked on a busy machine: only lines about this route count.
      @Sendable func isAbout(_ line: LogLine, _ message: String) -> Bool {
        line.contains(message) && line.field("route") == "GET \(path)"
      }
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let stall = try await host.log.line { isAbout($0, "event loop blocked for") }
      #expect(stall.field("plugin") == "holds_up_loop/1" && stall.field("fault") == "plugin", "\(stall)")
      #expect(stall.field("work") == work && stall.field("job") == job && stall.field("state") == "running", "\(stall)")
      let stack = try #require(stall.field("stack"))
      #expect(stack.contains(" spins+0x"), "\(stall)")
      try host.directory.write("", as: "release")
      let end = try await host.log.line { isAbout($0, "event loop runs again after") }
      #expect(end.field("plugin") == "holds_up_loop/1" && end.field("ms").flatMap { Int($0) } ?? 0 >= 300, "\(end)")
      #expect(host.log.lines { isAbout($0, "event loop blocked for") }.count == 1)
      let tree = try await tree(of: host)
      #expect(tree.field("stalls").flatMap { Int($0) } ?? 0 >= 1, "\(tree)")
    }
  }

  @Test func `The watchdog does not interrupt a system call that blocks a loop`() async throws {
    try await withHost([.fixture("holds_up_loop")], configuration: Self.lateWarning) { host in
      let gate = host.directory.appending(path: "gate").path
      #expect(mkfifo(gate, 0o600) == 0)
      async let answer = host.get("/blocks")
      let stall = try await host.log.line(containing: "route=\"GET /blocks\"")
      #expect(stall.field("state") == "in openat", "\(stall)")
      #expect(stall.field("stack_guess")?.contains(" blocks+0x") == true, "\(stall)")
      close(open(gate, O_WRONLY))
      #expect(try await answer.status == 200)
    }
  }

  @Test func `The watchdog reports a job of the plugin's own scope that blocks its loop`() async throws {
    try await withHost([.fixture("holds_up_loop")], configuration: Self.lateWarning + Self.longSleep) { host in
      let stall = try await host.log.line { $0.contains("event loop blocked for") && $0.field("job") == "sleeper" }
      #expect(stall.field("plugin") == "holds_up_loop/1", "\(stall)")
      #expect(stall.field("state") == "in clock_nanosleep", "\(stall)")
      #expect(stall.field("stack_guess")?.contains(" sleeps+0x") == true, "\(stall)")
    }
  }

  @Test
  func `A reload is refused by the name of the handler that blocks a loop, while that loop cannot take new routes`()
    async throws
  {
    try await withHost([.fixture("holds_up_loop")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /handler HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.contains("event loop blocked for") && $0.field("route") == "GET /handler" }
      try await PluginFile.sample("hello").install(in: host.plugins)
      host.child.signal(SIGHUP)
      let reason = try await host.log.line(containing: "is blocked by handler GET /handler of plugin holds_up_loop/1")
      #expect(reason.contains("ERROR"), "\(reason)")
      try await host.log.line(containing: "reload refused, nothing has changed")
      try host.directory.write("", as: "release")
      #expect(try await connection.response().status == 200)
      #expect(try await host.reloadOnRequest().field("added") == "1")
      #expect(try await host.get("/hello/you").status == 200)
    }
  }

  @Test func `The watchdog reports no blocked loops if that is switched off`() async throws {
    try await withHost([.fixture("holds_up_loop")], configuration: "threads = 1\nstall_warning = \"0s\"") { host in
      let tree = try await tree(of: host)
      #expect(tree.field("stalls") == "0")
      #expect(host.log.lines { $0.contains("event loop blocked") }.isEmpty)
    }
  }

  @Test func `The watchdog writes its reports as JSON objects if the log is in JSON`() async throws {
    let settings = Self.lateWarning + Self.longSleep + "[log]\nformat = \"json\""
    try await withHost([.fixture("holds_up_loop")], configuration: settings) { host in
      let line = try await host.log.line { $0.contains("event loop blocked for") && $0.contains("holds_up_loop/1") }
      let object = try JSONDecoder().decode([String: String].self, from: Data(line.text.utf8))
      #expect(object["plugin"] == "holds_up_loop/1" && object["fault"] == "plugin" && object["level"] == "warning")
      #expect(object["stack_guess"]?.hasPrefix("#0 ") == true)
    }
  }

  /// The last line of the scope tree.
  private func tree(of host: Host) async throws -> LogLine {
    let position = host.log.position
    host.child.signal(SIGUSR2)
    return try await host.log.line(after: position, containing: "scope tree done")
  }
}
