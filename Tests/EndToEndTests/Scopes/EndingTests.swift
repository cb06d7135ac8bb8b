import Foundation
import Glibc
import TestSupport
import Testing

/// Every way in which a request, a child scope or one of their jobs can end. Waits, hooks, the descriptor and deferred
/// functions see the end once each, with the right cause, in the stated order.
@Suite struct `Each ending` {
  @Test(arguments: Ground.allCases)
  func `Each ending is seen once by all, with its cause and in order`(ground: Ground) async throws {
    try await withHost([ground.plugin]) { host in
      for ending in Ending.brought(by: .plugin) + Ending.brought(by: .client) {
        try await expect(ending, on: host, "\(ending.path) by \(ending.doer) with \(ground)")
      }
    }
  }

  @Test(arguments: Ground.allCases, Ending.brought(by: .host))
  func `Each ending that the host causes is seen once by all, with its cause and in order`(
    ground: Ground, ending: Ending
  ) async throws {
    try await withHost([ground.plugin, .sample("hello")], configuration: "drain_timeout = \"1ms\"") { host in
      try await expect(ending, on: host, "\(ending.cause) with \(ground)")
    }
  }

  private func expect(_ ending: Ending, on host: Host, _ comment: Comment) async throws {
    let position = host.log.position
    let connection = try host.connect()
    try await connection.send("GET \(ending.path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    if let act = ending.act {
      try await host.log.line(after: position) { $0.text == "ending: handler waits" }
      try await act(host, connection)
    }
    if let status = ending.status { #expect(try await connection.response().status == status, comment) }
    let last = try await host.log.line(after: position) { $0.text.hasPrefix("ending: request deferred first") }
    let lines = host.log.lines { $0.number > position && $0.number <= last.number && $0.text.hasPrefix("ending: ") }
    let seen = lines.map { String($0.text.dropFirst("ending: ".count)) }
    #expect(seen.sorted() == ending.notes.sorted(), comment)
    #expect(Self.disorder(in: seen, of: ending) == [], comment)
  }

  /// The notes in a wrong order. Cancel hooks run before any wait returns, a parent's before its children's. A job's
  /// hook runs after the job's last note. Deferred functions run last, later ones before earlier ones, a child's before
  /// its parent's. A thread that polls may see the descriptor before or after the hooks.
  private static func disorder(in seen: [String], of ending: Ending) -> [String] {
    var faults: [String] = []
    func first(_ start: String) -> Int { seen.firstIndex { $0.hasPrefix(start) } ?? seen.count }
    func last(_ start: String) -> Int { seen.lastIndex { $0.hasPrefix(start) } ?? -1 }
    func require(_ one: Int, before other: Int, _ fault: String) { if one >= other { faults.append(fault) } }
    for scope in ["request", "child"] {
      let wait = first("\(scope) wait -1 -1 \(ending.cause(of: scope))")
      require(first("\(scope) on_cancel"), before: wait, "\(scope): a wait before the hook of the cancel")
      require(first("\(scope) wait"), before: last("\(scope) on_end cancelled -1"), "\(scope): hook before the end")
      let deferred = first("\(scope) deferred second")
      require(deferred, before: first("\(scope) deferred first"), "\(scope): deferred functions in the wrong order")
      let others = ["on_cancel", "wait", "on_end", "cancel_fd"].map { last("\(scope) \($0)") }
      require(others.max()!, before: deferred, "\(scope): deferred functions before the last job's end")
    }
    require(first("child deferred first"), before: first("request deferred second"), "the child closes last")
    if ending.childCause == ending.cause {
      require(first("request on_cancel") + 1, before: first("child on_cancel") + 1, "the child is told first")
      require(first("child on_cancel"), before: first("request wait -1 -1 \(ending.cause)"), "a wait before all hooks")
    } else {
      require(last("child deferred first"), before: first("request on_cancel"), "the request ends before its child")
    }
    return faults
  }
}

/// The place where handlers and jobs run.
enum Ground: CaseIterable {
  case fibers
  /// In a usual plugin whose jobs and handlers ask for threads.
  case threads
  /// In a plugin all of whose code runs on threads.
  case pluginThreads

  var plugin: PluginFile {
    let definitions =
      switch self {
      case .fibers: [String]()
      case .threads: ["-DROUTE=AMBIT_ROUTE_BLOCKING", "-DJOB=AMBIT_JOB_THREAD"]
      case .pluginThreads: ["-DPLUGIN=AMBIT_PLUGIN_THREADS"]
      }
    let source = Places.probe("endings").filePath
    return .source("#include \"\(source)\"\n", name: "endings", flags: definitions)
  }
}

/// One way to end, and the notes about it: a row of the table of `Each ending`.
struct Ending: Sendable, CustomTestStringConvertible {
  enum Doer { case plugin, client, host }

  let path: String
  let doer: Doer
  /// The act of client or host that brings the end, once handler and jobs wait.
  var act: (@Sendable (Host, Client) async throws -> Void)?
  /// The status of the response; nil if nobody reads one.
  var status: Int?
  /// The cause of the request's end.
  let cause: String
  /// The cause of the child's end.
  let childCause: String
  /// The notes beyond those of a cancel: of the handler, and of jobs that end by themselves.
  private var others: [String]
  /// The scopes whose waiting job does not end by the cancel.
  private var withoutWait: Set<String> = []

  var testDescription: String { "\(path) \(cause)" }

  func cause(of scope: String) -> String { scope == "child" ? childCause : cause }

  /// All notes, each of which is written once.
  var notes: [String] {
    let ends = ["request", "child"].flatMap { scope in
      let cause = cause(of: scope)
      let wait = ["\(scope) wait -1 -1 \(cause)", "\(scope) on_end cancelled -1 \(cause)"]
      return (withoutWait.contains(scope) ? [] : wait) + [
        "\(scope) on_cancel \(cause)", "\(scope) cancel_fd 0 1 \(cause)", "\(scope) deferred second \(cause)",
        "\(scope) deferred first \(cause)",
      ]
    }
    return ["request begins 1 1 none"] + ends + others
  }

  static func brought(by doer: Doer) -> [Ending] { all.filter { $0.doer == doer } }

  private static let all: [Ending] =
    [
      Ending(answering: "/done"),
      Ending(
        answering: "/streamed",
        others: (0..<3).map { "stream \($0) 0 none" } + ["stream wait -1 done", "request on_end completed 0 done"]),
      Ending(holding: "/deadline", .plugin, "deadline", status: 504),
      Ending(holding: "/called", .plugin, "called", status: 500, others: ["child on_end cancelled -1 called"]),
      Ending(holding: "/called-below", .plugin, "called", status: 500, others: ["child on_end completed 0 called"]),
      Ending(answering: "/child-deadline", child: "deadline", others: ["handler goes on -1 0 none"]),
      Ending(answering: "/child-called", child: "called", others: ["handler goes on -1 0 none"]),
      Ending(
        answering: "/child-failed", child: "failed",
        others: ["child on_end failed -10 failed", "handler goes on -1 0 none"]),
      Ending(
        answering: "/job-cancelled",
        others: ["child wait -1 -1 called", "child on_end cancelled -1 none", "handler joins 0 cancelled -1 none"],
        withoutWait: ["child"]),
      Ending(
        answering: "/job-timed-out",
        others: ["request on_end cancelled -1 none", "handler joins 0 cancelled -1 none"]),
      Ending(
        answering: "/job-completed", others: ["request on_end completed 0 none", "handler joins 0 completed 0 none"]),
      Ending(
        answering: "/job-refused",
        others: [
          "handler spawned 0 -5 1 none", "child on_end cancelled -5 none", "child wait -1 -1 done",
          "child on_end cancelled -1 done",
        ]),
      Ending(holding: "/hold", .client, "disconnect") { $1.close() },
      Ending(holding: "/hold", .client, "disconnect") { $1.reset() },
      Ending(holding: "/hold", .client, "disconnect") { $1.halfClose() },
      Ending(holding: "/plugin-called", .host, "called", status: 500),
      Ending(holding: "/hold", .host, "retired", status: 503) { host, _ in
        try FileManager.default.removeItem(at: host.plugins.appending(path: "endings.so"))
        try await host.reload()
      },
      Ending(holding: "/hold", .host, "shutdown", status: 503) { host, _ in host.child.signal(SIGTERM) },
    ]

  /// The handler answers, and the request is done; its child may have ended before.
  private init(answering path: String, child: String = "done", others: [String] = [], withoutWait: Set<String> = []) {
    (self.path, self.others, self.withoutWait) = (path, others, withoutWait)
    (doer, status, cause, childCause) = (.plugin, 200, "done", child)
  }

  /// The handler waits until its request has ended.
  private init(
    holding path: String, _ doer: Doer, _ cause: String, status: Int? = nil, others: [String] = [],
    by act: (@Sendable (Host, Client) async throws -> Void)? = nil
  ) {
    (self.path, self.doer, self.act, self.status, self.cause, childCause) = (path, doer, act, status, cause, cause)
    self.others = others + ["handler waits", "handler wait -1 -1 \(cause)"]
  }
}
