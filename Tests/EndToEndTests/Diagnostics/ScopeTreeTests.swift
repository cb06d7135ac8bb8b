import Foundation
import TestSupport
import Testing

/// SIGUSR2 writes the running scopes and jobs to the log.
@Suite struct `Scope tree on SIGUSR2` {
  private static let request = "GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n"

  @Test func `The scope tree shows the request that waits below its plugin, with its handler and its job`() async throws
  {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send(Self.request)
      try await host.log.line(containing: "handler waits")
      let lines = try await tree(of: host)
      let first = try #require(lines.firstIndex { $0.contains("scope request") })
      let (plugin, request, handler, job) = (lines[first - 1], lines[first], lines[first + 1], lines[first + 2])
      #expect(plugin.contains("INFO    scope plugin ") && plugin.field("plugin") == "waits/1", "\(plugin)")
      #expect(request.contains("INFO      scope request ") && request.field("state") == "open", "\(request)")
      #expect(request.field("parent") == plugin.field("scope") && request.field("jobs") == "1", "\(request)")
      #expect(request.field("deadline_ms").flatMap { Int($0) }.map { (1...30_000).contains($0) } == true, "\(request)")
      for (line, name) in [(handler, "handler"), (job, "job")] {
        #expect(line.contains("INFO        \(name) ") && line.field("waits_for") == "sleep", "\(line)")
        #expect(line.field("plugin") == "waits/1" && line.field("route") == "GET /wait", "\(line)")
        #expect(line.field("request") == request.field("request") && line.field("state") == "waiting", "\(line)")
        #expect(line.field("request") != nil && line.field("scope") == nil, "\(line)")
        #expect(line.field("stack_bytes").flatMap { Int($0) }.map { $0 >= 4096 } == true, "\(line)")
        #expect(line.field("age_ms") != nil && line.field("waits_ms") != nil, "\(line)")
      }
      connection.close()
      try await host.log.line(containing: "scope closed")
      #expect(try await tree(of: host).allSatisfy { !$0.contains("scope request") })
    }
  }

  @Test func `The scope tree in JSON has the same facts as members of objects`() async throws {
    try await withHost([.probe("waits")], configuration: "threads = 1\n[log]\nformat = \"json\"") { host in
      let connection = try host.connect()
      try await connection.send(Self.request)
      try await host.log.line(containing: "handler waits")
      let objects = try await tree(of: host).map { line in
        try #require(try JSONSerialization.jsonObject(with: Data(line.text.utf8)) as? [String: String], "\(line)")
      }
      let messages = objects.map { $0["message"]!.trimmingCharacters(in: .whitespaces) }
      #expect(messages == ["scope host", "scope plugin", "scope request", "handler", "job"])
      #expect(objects[2]["route"] == "GET /wait" && objects[2]["parent"] == objects[1]["scope"])
      #expect(objects[4]["waits_for"] == "sleep" && objects[4]["request"] == objects[2]["request"])
    }
  }

  @Test func `The scope tree can be dumped while the host waits for requests to end, and does not end the host`()
    async throws
  {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send(Self.request)
      try await host.log.line(containing: "handler waits")
      host.child.signal(SIGTERM)
      let worker = try await eventually(until: { $0?.text("state") == "draining" }) {
        try await host.adminJSON("/status").objects("workers").first
      }
      #expect(worker?.number("connections") == 1)
      #expect(try await tree(of: host).contains { $0.contains("scope request") })
      connection.close()
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.contains("second signal") }.isEmpty)
    }
  }

  @Test(arguments: [
    ("/pending", "waits_for", "join_all"), ("/body", "waits_for", "body"), ("/thread", "state", "thread"),
  ])
  func `The scope tree says what a waiting handler waits for, or that it runs on a thread`(
    path: String, field: String, value: String
  ) async throws {
    try await withHost([Self.blocker]) { host in
      _ = makeGate(for: host)
      let connection = try host.connect()
      try await connection.send("POST \(path) HTTP/1.1\r\nHost: ambit\r\nContent-Length: 1\r\n\r\n")
      try await host.log.line(containing: "begins")
      let handlers = try await tree(of: host).filter { $0.contains("        handler ") }
      #expect(handlers.map { $0.field(field) } == [value], "\(handlers)")
    }
  }

  @Test func `The scope tree names a blocked loop and shows the others`() async throws {
    try await withHost([Self.blocker]) { host in
      let gate = makeGate(for: host)
      async let answer = host.get("/block")
      try await host.log.line(containing: "begins")
      let lines = try await tree(of: host)
      #expect(lines.filter { $0.contains("event loop blocked for 1000 ms") }.count == 1)
      #expect(lines.filter { $0.contains("scope host") }.count == 1)
      close(open(gate, O_WRONLY))
      #expect(try await answer.text == "free\n")
    }
  }

  @Test func `scopes prints the lines that SIGUSR2 logs, and its JSON has the same entries`() async throws {
    try await withHost([.probe("waits")]) { host in
      let connection = try host.connect()
      try await connection.send(Self.request)
      try await host.log.line(containing: "handler waits")
      let logged = try await tree(of: host).map { line in
        line.text.split(separator: "INFO  ", maxSplits: 1)[1].replacing(/[0-9]+/, with: "N")
      }
      let printed = try await ambit("scopes", in: host.directory)
      #expect(printed.status == .exited(0), "\(printed.errors)")
      #expect(printed.text.split(separator: "\n").map { $0.replacing(/[0-9]+/, with: "N") } == logged)
      let json = try JSONObject(try await ambit("scopes", "--json", in: host.directory).output)
      #expect(json.objects("entries").count == logged.count && json.number("left_out") == 0)
      #expect(json.objects("entries").filter { $0.text("entry") == "job" }.map { $0.text("waits_for") } == ["sleep"])
    }
  }

  @Test func `scopes prints a large tree piece by piece, and says how many it leaves out`() async throws {
    let crowd = PluginFile.source(
      """
      #include <ambit.h>
      static int32_t rest(ambit_scope *scope, void *arg) {
        (void)arg;
        return ambit_sleep(scope, INT64_MAX);
      }
      static int32_t many(ambit_scope *scope) {
        for (int number = 0; number < 1500; number++)
          ambit_spawn(ambit_plugin_scope(scope), rest, NULL, NULL, NULL);
        return ambit_respondf(scope, 200, "text/plain", "spawned\\n");
      }
      static const ambit_route routes[] = {{.pattern = "GET /many", .handler = many}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "crowd", .version = "1.0", .routes = routes, .route_count = 1};
      """, name: "crowd")
    try await withHost([crowd], configuration: "threads = 1") { host in
      #expect(try await host.get("/many").text == "spawned\n")
      let lines = try await ambit("scopes", in: host.directory).text.split(separator: "\n")
      #expect(lines.count == 1001 && lines.last?.contains(/^left out: 50[0-9] scopes and jobs$/) == true)
      let json = try JSONObject(try await ambit("scopes", "--json", in: host.directory).output)
      #expect(json.objects("entries").count == 1000 && json.number("left_out").map { $0 >= 500 } == true)
    }
  }

  /// A plugin with a handler for each way to wait, and one that blocks where the host sees no wait.
  private static let blocker = PluginFile.source(
    """
    #include <ambit.h>
    #include <fcntl.h>
    #include <unistd.h>
    static int32_t sleeps(ambit_scope *scope, void *arg) {
      (void)arg;
      return ambit_sleep(scope, INT64_MAX);
    }
    static int32_t pend(ambit_scope *scope) {
      ambit_spawn(scope, sleeps, NULL, NULL, NULL);
      dprintf(2, "begins\\n");
      return AMBIT_PENDING;
    }
    static int32_t read_body(ambit_scope *scope) {
      ambit_str body;
      dprintf(2, "begins\\n");
      return ambit_body(scope, &body);
    }
    static int32_t block(ambit_scope *scope) {
      dprintf(2, "begins\\n");
      close(open("gate", O_RDONLY)); /* until somebody opens the other end */
      return ambit_respond(scope, 200, "text/plain", "free\\n", 5);
    }
    static const ambit_route routes[] = {
      {.pattern = "POST /pending", .handler = pend},
      {.pattern = "POST /body", .handler = read_body},
      {.pattern = "POST /thread", .handler = block, .flags = AMBIT_ROUTE_BLOCKING},
      {.pattern = "GET /block", .handler = block}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "blocker", .version = "1.0", .routes = routes, .route_count = 4};
    """, name: "blocker")

  /// A FIFO: opening one end blocks until the other end is opened.
  private func makeGate(for host: Host) -> String {
    let gate = host.directory.appending(path: "gate").path
    #expect(mkfifo(gate, 0o600) == 0)
    return gate
  }

  /// Asks for the tree.
  /// - Returns: its lines, without the first and the last.
  private func tree(of host: Host) async throws -> [LogLine] {
    let position = host.log.position
    host.child.signal(SIGUSR2)
    let last = try await host.log.line(after: position, containing: "scope tree done")
    return host.log.lines { $0.number > position + 1 && $0.number < last.number }
  }
}
