import TestSupport
import Testing

/// What the Swift runtime keeps for each thread, when jobs that wait share a thread.
@Suite(.enabled(if: SwiftPlugin.isSupported)) struct `The thread state of a plugin in Swift` {
  /// Answers what each request sees of its own value, after all requests have set theirs.
  private static let tracing = SwiftPlugin(
    "tracing", "trace", "spawned", "immediate",
    source: #"""
      enum Trace { @TaskLocal static var id = "none" }
      nonisolated(unsafe) var inside = 0

      /// Waits until `count` requests have come here.
      func meet(_ count: Int, _ scope: Scope) -> Int32 {
        inside += 1
        while inside < count {
          let status = ambit_sleep(scope, 1_000_000)
          if status != AMBIT_OK { return status }
        }
        return ambit_yield(scope)
      }

      @_cdecl("trace") public func trace(_ scope: Scope) -> Int32 {
        let (own, count) = (query(scope, "id"), Int(query(scope, "of"))!)
        var seen: [String] = []
        Trace.$id.withValue(own) {
          _ = meet(count, scope)
          seen.append(Trace.id)
          Trace.$id.withValue("inner " + own) {
            _ = ambit_yield(scope)
            seen.append(Trace.id)
          }
          _ = ambit_yield(scope)
          seen.append(Trace.id)
        }
        _ = ambit_yield(scope)
        return respond(scope, (seen + [Trace.id]).joined(separator: ", "))
      }

      /// Answers what a job sees that was spawned while a value was set.
      @_cdecl("spawned") public func spawned(_ scope: Scope) -> Int32 {
        Trace.$id.withValue("parent") {
          var job: OpaquePointer?
          let status = ambit_spawn(scope, { scope, _ in respond(scope!, Trace.id) }, nil, nil, &job)
          return status == AMBIT_OK ? ambit_join(scope, job, -1, nil, nil) : status
        }
      }

      /// Answers whether the rest of a request runs in the task of another request, which waits before its first await.
      @_cdecl("immediate") public func immediate(_ scope: Scope) -> Int32 {
        let count = Int(query(scope, "of"))!
        nonisolated(unsafe) let scope = scope
        nonisolated(unsafe) var tasks: [Int] = []
        Task.immediate {
          let task = withUnsafeCurrentTask { $0!.hashValue }
          _ = meet(count, scope)
          tasks = [task, withUnsafeCurrentTask { $0?.hashValue ?? 0 }]
        }
        let isRight = tasks[0] == tasks[1] && withUnsafeCurrentTask { $0 == nil }
        return respond(scope, isRight ? "own task" : "another task")
      }
      """#)

  @Test(arguments: [[], ["--checked"]])
  func `Each of 50 requests on one loop sees its own values of a task-local variable`(arguments: [String]) async throws
  {
    try await withHost([.sample("hello")], configuration: "threads = 1", arguments: arguments) { host in
      try await Self.tracing.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      try await withThrowingTaskGroup { group in
        for id in 1...50 {
          group.addTask {
            let answer = try await host.get("/trace?id=\(id)&of=50").text
            #expect(answer == "\(id), inner \(id), \(id), none")
          }
        }
        try await group.waitForAll()
      }
      #expect(try await host.get("/spawned").text == "none")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `Requests that wait in a task before its first await keep their own tasks`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.tracing.install(in: host.plugins)
      try await host.reload()
      try await withThrowingTaskGroup { group in
        for _ in 1...3 {
          group.addTask {
            let answer = try await host.get("/immediate?of=3").text
            #expect(answer == "own task")
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// Sets a value and does not remove it, as code that is left by longjmp or a C++ exception.
  private static let leaving = SwiftPlugin(
    "leaving", "leave", "look",
    source: #"""
      enum Trace { @TaskLocal static var id = "none" }
      @_silgen_name("swift_task_localValuePush") func push<Value>(_ key: UnsafeRawPointer, _ value: __owned Value)

      @_cdecl("leave") public func leave(_ scope: Scope) -> Int32 {
        push(Unmanaged.passUnretained(Trace.$id).toOpaque(), "left")
        return respond(scope, Trace.id)
      }

      @_cdecl("look") public func look(_ scope: Scope) -> Int32 { respond(scope, Trace.id) }
      """#)

  @Test(arguments: ["", ".flags = AMBIT_PLUGIN_THREADS"])
  func `A value that a job leaves behind is not seen by the next job`(fields: String) async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1\npool_threads = 1") { host in
      var plugin = Self.leaving
      plugin.fields = fields
      try await plugin.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/leave").text == "left")
      #expect(try await host.get("/look").text == "none")
    }
  }

  @Test(.enabled(if: SwiftPlugin.staticRuntime != nil, "The toolchain has no static Swift runtime."))
  func `A plugin with a Swift runtime of its own runs on threads only`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      var plugin = SwiftPlugin(
        "own_runtime", "answer", flags: ["-static-stdlib"],
        source: #"@_cdecl("answer") public func answer(_ scope: Scope) -> Int32 { respond(scope, "answered\n") }"#)
      try await plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let line = try await host.log.line(containing: "own_runtime.so")
      #expect(
        line.contains("it brings a Swift runtime of its own") && line.contains("build it without -static-stdlib")
          && line.contains("set AMBIT_PLUGIN_THREADS in the flags of its entry"))
      plugin.fields = ".flags = AMBIT_PLUGIN_THREADS"
      try await plugin.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/answer").text == "answered\n")
    }
  }
}
