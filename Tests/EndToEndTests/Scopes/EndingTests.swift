import Foundation
import Glibc
import TestSupport
import Testing

/// Every way in which a request, a child scope or one of their jobs can end, seen by everything that can notice it:
/// waits, hooks, the descriptor, deferred functions; each once, with the right cause, in the stated order.
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

  /// What comes too early or too late: hooks of a cancel come before any wait returns, a parent's before its children's;
  /// a job's hook comes after its last word; deferred functions come last, the later before the earlier, a child's
  /// before its parent's. A thread that polls may see the descriptor before or after the hooks.
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

/// Where handlers and jobs run.
enum Ground: CaseIterable {
  case fibers
  /// In a plugin like any other, whose jobs and handlers ask for threads.
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
