import Foundation
import TestSupport
import Testing

/// How code of a plugin ends its worker: a row of the table in Deaths.md.
struct PluginDeath: Sendable, CustomTestStringConvertible {
  /// What the probe `mortal` calls it.
  let how: String
  /// The beginning of the cause in the line about it.
  let cause: String
  /// A further part of the cause.
  var detail: String?
  /// Whether the plugin is blamed, from whatever place.
  var isBlamed = true
  var testDescription: String { how }

  static let endlessLoop = PluginDeath(
    how: "loop", cause: "it has accepted no connection for hang_limit (1000 ms)")

  #if arch(x86_64)
    private static let division = "SIGFPE, an integer division by zero, in divide+0x"
  #else
    private static let division = "SIGFPE in divide+0x"
  #endif

  static let all = [
    PluginDeath(how: "null", cause: "SIGSEGV at 0x0 in write_null+0x"),
    PluginDeath(how: "overflow", cause: "SIGSEGV at 0x", detail: ": stack overflow, all of "),
    PluginDeath(how: "abort", cause: "SIGABRT in die+0x"),
    PluginDeath(how: "divide", cause: division),
    PluginDeath(how: "double-free", cause: "SIGABRT in free_twice+0x"),
    PluginDeath(how: "exit", cause: "exit(0) in die+0x"),
    PluginDeath(how: "_exit", cause: "_exit(0) in die+0x"),
    PluginDeath(how: "kill", cause: "SIGKILL", isBlamed: false),
    PluginDeath(how: "throw", cause: "SIGABRT in die+0x"),
    endlessLoop,
  ]

  var isLoop: Bool { how == Self.endlessLoop.how }

  /// Of a host whose workers have one event loop each, and which quarantines nobody. The shortest window keeps the delays
  /// short. An endless loop is ended soon.
  var configuration: String {
    """
    workers = 2
    threads = 1
    crash_limit = 1000
    crash_window = "1s"
    \(isLoop ? "[limits]\nhang_limit = \"1s\"" : "")

    """
  }
}

/// Where the host runs code of a plugin: a column of that table.
struct PluginPlace: Sendable, CustomTestStringConvertible {
  /// What the probe `mortal` calls it.
  let name: String
  /// The field `work` of the line about a death there.
  let work: String
  var job: String?
  /// Whether an event loop runs it.
  var isOnLoop = true
  var testDescription: String { name }

  static let all = [
    PluginPlace(name: "handler", work: "handler"),
    PluginPlace(name: "job", work: "job", job: "ending"),
    PluginPlace(name: "on_end", work: "on_end"),
    PluginPlace(name: "on_cancel", work: "on_cancel"),
    PluginPlace(name: "deferred", work: "deferred"),
    PluginPlace(name: "ticker", work: "job", job: "ticking"),
    PluginPlace(name: "pool", work: "job", job: "ending", isOnLoop: false),
    PluginPlace(name: "thread", work: "thread", isOnLoop: false),
    PluginPlace(name: "start", work: "start", isOnLoop: false),
    PluginPlace(name: "stop", work: "stop", isOnLoop: false),
    PluginPlace(name: "save", work: "save", isOnLoop: false),
  ]

  var isLifecycleCall: Bool { ["start", "stop", "save"].contains(name) }
  var isThreadOfPlugin: Bool { name == "thread" }
  /// Nil if no request leads there, or none is known there.
  var route: String? { isLifecycleCall || isThreadOfPlugin ? nil : "GET /in/\(name)/{how}" }
}

extension PluginDeath {
  /// Checks the line about this death in a worker.
  /// - Parameter generation: whose code has ended it.
  func expect(_ line: LogLine, in place: PluginPlace, of generation: String) {
    let hint: Comment = "\(how) in \(place.name): \(line)"
    for part in ["Z CRITICAL worker ", " died: \(cause)", detail].compactMap({ $0 }) {
      #expect(line.contains(part), hint)
    }
    #expect(line.field("plugin") == (isBlamed ? generation : nil), hint)
    #expect(line.field("report") != nil, hint)
    if isLoop {
      #expect(line.contains(generation) && place.route.map(line.contains) == true, hint)
      #expect(line.field("work") == place.work && line.field("route") == place.route, hint)
      #expect(line.field("job") == place.job && line.field("request") != nil, hint)
      #expect((line.field("stack") ?? line.field("stack_guess"))?.contains("mortal.") == true, hint)
    } else if isBlamed {
      #expect(line.field("work") == place.work && line.field("route") == place.route, hint)
      #expect(line.field("stack")?.contains(how == "overflow" ? " overflow+0x" : " die+0x") == true, hint)
      #expect(line.field("job") == place.job && (line.field("request") != nil) == (place.route != nil), hint)
    } else {
      // Nothing notes what threads of plugins run.
      let route = place.route.map { " \($0)" } ?? ""
      let running = line.field("running") ?? ""
      #expect(running.hasPrefix("\(place.work)\(route) of plugin \(generation) on ") != place.isThreadOfPlugin, hint)
    }
  }
}

/// The workers of a host that runs the probe `deaths` beside other plugins, and requests that wait in them for the file
/// `end`.
struct BusyWorkers: Sendable {
  /// A connection to the first worker, without a request.
  let doomed: WorkerConnection
  /// A request in the same worker.
  let beside: WorkerConnection
  /// A request in the other worker.
  let other: WorkerConnection

  init(of host: Host) async throws {
    (doomed, other) = try await host.connectToTwoWorkers()
    beside = try await host.connect(toWorker: doomed.pid)
    let position = host.log.position
    for waiting in [beside, other] { try await waiting.ask("/until/end") }
    _ = try await host.log.lines(2, after: position) { $0.text == "waits" }
  }

  /// Lets the requests end that are left.
  func release(in host: Host) throws { try host.directory.write("", as: "end") }
}

extension Host {
  /// Connects until this worker has accepted a connection.
  func connect(toWorker pid: pid_t) async throws -> WorkerConnection {
    var others: [WorkerConnection] = []
    while true {
      let next = try await connectToWorker()
      if next.pid == pid { return next }
      // While these are open, the worker has fewer connections.
      others.append(next)
    }
  }

  /// The workers as the status shows them, when two serve.
  func twoServingWorkers() async throws -> [JSONObject] {
    try await eventually(until: { $0.count == 2 && $0.allSatisfy { $0.text("state") == "serving" } }) {
      try await adminJSON("/status").objects("workers")
    }
  }

  /// How many deaths of workers each generation of a plugin was to blame for.
  func crashes(of plugin: String) async throws -> [Int] {
    try await adminJSON("/history?plugin=\(plugin)").objects("generations").map { $0.number("crashes") ?? -1 }
  }

  /// Checks that new requests are answered, and none is refused.
  func expectAnswers(_ target: String = "/pid") async throws {
    for _ in 1...8 { #expect(try await get(target).status == 200) }
  }
}
