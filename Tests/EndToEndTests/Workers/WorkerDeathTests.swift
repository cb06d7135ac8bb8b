import Foundation
import Glibc
import TestSupport
import Testing

/// Every end of a worker that its supervisor has not ordered: the log names it, another worker takes its place, and the
/// requests of other workers do not notice.
@Suite(.disabled(if: Places.isSanitized)) struct `A worker that ends` {
  /// How a plugin ends its worker, and the cause in the line that says so.
  struct Death: Sendable {
    let how: String
    let cause: String
    /// Whether the plugin is blamed that has called `end_by` on any thread.
    var isBlamed = true
    /// Text of a line that the worker writes before.
    var report: String?
  }

  private static let fromAnywhere = [
    Death(
      how: "close-3", cause: "the worker has ended itself", isBlamed: false,
      report: "a plugin closed descriptor 3; the worker cannot run without it"),
    Death(how: "closefrom", cause: "the worker has ended itself", isBlamed: false, report: "CRITICAL "),
  ]

  /// One after the other. The shortest window keeps the delays short.
  private static let configuration = """
    workers = 2
    threads = 1
    crash_window = "1s"
    crash_limit = 1000
    [limits]
    hang_limit = "1s"
    """

  @Test(arguments: ["handler", "job", "thread"])
  func `Each death of a worker is named in the log, and the other worker's requests go on`(place: String) async throws {
    try await withHost(
      [.probe("deaths")], configuration: Self.configuration, environment: ["SWIFT_BACKTRACE": "enable=no"]
    ) { host in
      var ended = [Death(how: "execve", cause: "it has become another program, ", isBlamed: false)]
      if place == "handler" { ended.append(Death(how: "pthread_exit", cause: "pthread_exit in a thread of the host")) }
      for death in Self.fromAnywhere + ended {
        let (doomed, other) = try await host.connectToTwoWorkers()
        let position = host.log.position
        try await other.ask("/hold/200")
        try await host.log.line(after: position) { $0.text == "holds" }
        try await doomed.ask("/\(place)/\(death.how)")
        let line = try await host.log.line(after: position) { $0.contains(" died: \(death.cause)") }
        #expect(line.field("worker") != nil && line.field("pid") == "\(doomed.pid)", "\(line)")
        #expect(line.contains(" CRITICAL "), "\(line)")
        #expect(line.field("plugin") == (death.isBlamed ? "deaths/1" : nil), "\(line)")
        if let report = death.report {
          let report = try await host.log.line(after: position, containing: report)
          #expect(report.number < line.number, "\(report)")
        }
        let again = try await host.log.line(after: line.number, containing: "serves again")
        #expect(again.field("worker") == line.field("worker") && again.field("ms") != nil, "\(again)")
        #expect(try await other.client.response().text == "held\n", "\(death.how)")
        if place == "handler", death.how == "close-3" { _ = try await doomed.client.response() }
        #expect(try await doomed.client.rest().isEmpty, "the client of the dead worker gets no answer: \(death.how)")
      }
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.map { $0.number("crashes") ?? 0 }.reduce(0, +) == Self.fromAnywhere.count + ended.count)
      #expect(workers.allSatisfy { $0.text("state") == "serving" })
    }
  }

  @Test(arguments: ["handler", "job"])
  func `A worker whose plugin ends one of its threads ends, and the log names the plugin`(place: String) async throws {
    try await withHost([.probe("deaths")], configuration: "workers = 1\nthreads = 2") { host in
      let client = try host.connect()
      try await client.send("GET /\(place)/pthread_exit HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "worker 1 died: pthread_exit in a thread of the host")
      #expect(line.field("plugin") == "deaths/1" && line.field("route") == "GET /\(place)/{how}", "\(line)")
      #expect(line.field("work") == place, "\(line)")
      try await host.log.line(after: line.number, containing: "serves again")
      #expect(try await client.rest().isEmpty)
    }
  }

  @Test func `A jump out of a handler ends its worker or is survived, and the host serves`() async throws {
    try await withHost(
      [.probe("deaths")], configuration: "workers = 1\nthreads = 1\n[limits]\nhang_limit = \"1s\"",
      environment: ["SWIFT_BACKTRACE": "enable=no"]
    ) { host in
      let client = try host.connect()
      try await client.send("GET /handler/longjmp HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "serves again")
      #expect(try await host.get("/pid").status == 200)
    }
  }

  /// The hierarchy of version 1, where this machine has it and lets the test make groups.
  private static let hierarchy = URL(filePath: "/sys/fs/cgroup/memory")

  private static func canLimit() -> Bool {
    let probe = hierarchy.appending(path: "ambit-probe-\(UUID().uuidString)")
    return mkdir(probe.filePath, 0o755) == 0 && rmdir(probe.filePath) == 0
  }

  @Test(.enabled("no control groups of version 1 can be made here") { canLimit() })
  func `The kernel ends a worker and not the supervisor when memory is short`() async throws {
    let group = Self.hierarchy.appending(path: "ambit-\(UUID().uuidString)")
    try #require(mkdir(group.filePath, 0o755) == 0)
    defer { rmdir(group.filePath) }
    try Data("\(200 << 20)".utf8).write(to: group.appending(path: "memory.limit_in_bytes"))
    let wrapper = ["sh", "-c", "echo $$ > \(group.filePath)/cgroup.procs && exec \"$@\"", "sh"]
    try await withHost([.probe("deaths")], configuration: "threads = 1", wrapper: wrapper) { host in
      let client = try host.connect()
      try await client.send("GET /memory HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "worker 1 died: SIGKILL")
      try await host.log.line(containing: "serves again")
      #expect(try await client.rest().isEmpty)
      #expect(await host.stop() == .exited(0))
      // The group can be removed when no process is in it.
      try await eventually(until: { $0.isEmpty }) {
        try String(contentsOf: group.appending(path: "cgroup.procs"), encoding: .utf8)
      }
    }
  }
}

/// A connection that one worker has accepted.
struct WorkerConnection: Sendable {
  let client: Client
  /// The worker's process.
  let pid: pid_t

  /// Sends a request, and does not wait for the answer.
  func ask(_ target: String) async throws {
    try await client.send("GET \(target) HTTP/1.1\r\nHost: ambit\r\n\r\n")
  }
}

extension Host {
  /// Connects, and finds out by a request of the plugin `deaths` which worker has accepted the connection.
  func connectToWorker() async throws -> WorkerConnection {
    let client = try connect()
    try await client.send("GET /pid HTTP/1.1\r\nHost: ambit\r\n\r\n")
    let text = try await client.response().text
    return WorkerConnection(client: client, pid: try #require(pid_t(text), "\(text)"))
  }

  /// Connects until two workers have accepted a connection each.
  func connectToTwoWorkers() async throws -> (WorkerConnection, WorkerConnection) {
    var kept = [try await connectToWorker()]
    while true {
      let next = try await connectToWorker()
      if next.pid != kept[0].pid { return (kept[0], next) }
      // While it is open, the other worker is the one with fewer connections.
      kept.append(next)
    }
  }
}
