import TestSupport
import Testing

/// Code of plugins that belongs to the main thread.
@Suite(.enabled(if: SwiftPlugin.isSupported)) struct `The main actor of a plugin in Swift` {
  private static let plugin = SwiftPlugin(
    "leading", "lead", "queue", "block", "unblock", "split", fields: ".start = start",
    source: #"""
      import Dispatch
      import Glibc

      @MainActor final class Leader {
        static let shared = Leader()
        private var count = 0
        func next() -> Int {
          count += 1
          return count
        }
      }

      @_silgen_name("gettid") func threadNumber() -> Int32
      var isMainThread: Bool { threadNumber() == getpid() }

      /// What a request waits for, while code of the main actor runs for it.
      final class Answer: @unchecked Sendable {
        let event: UnsafeMutablePointer<ambit_event>
        var text = ""
        init(_ event: UnsafeMutablePointer<ambit_event>) { self.event = event }
      }

      /// Lets `work` find an answer, and waits for it.
      func answer(_ scope: Scope, _ work: (@Sendable @escaping (String) -> Void) -> Void) -> String {
        let answer = Answer(ambit_event_new(scope)!)
        let kept = Unmanaged.passRetained(answer)
        ambit_defer(scope, { Unmanaged<Answer>.fromOpaque($0!).release() }, kept.toOpaque())
        nonisolated(unsafe) let (reference, argument) = (ambit_ref_of(scope), kept.toOpaque())
        work { text in
          answer.text = text
          ambit_post(
            reference, { ambit_event_set(Unmanaged<Answer>.fromOpaque($1!).takeUnretainedValue().event) }, argument)
        }
        let status = ambit_event_wait(scope, answer.event, -1)
        return status == AMBIT_OK ? answer.text : "status \(status)"
      }

      func lead(_ scope: Scope) -> String {
        answer(scope) { done in
          Task { @MainActor in
            let number = Leader.shared.next()
            done("\(number) on the \(isMainThread ? "main" : "wrong") thread")
          }
        }
      }

      nonisolated(unsafe) var first = ""

      @_cdecl("start") public func start(_ plugin: Scope) -> Int32 {
        first = lead(plugin)
        return first == "1 on the main thread" ? AMBIT_OK : ambit_fail(plugin, AMBIT_FAILED, first)
      }

      @_cdecl("lead") public func leadRequest(_ scope: Scope) -> Int32 { respond(scope, lead(scope)) }

      let gate = DispatchSemaphore(value: 0)

      @_cdecl("block") public func block(_ scope: Scope) -> Int32 {
        respond(
          scope,
          answer(scope) { done in
            DispatchQueue.main.async {
              gate.wait()
              done("unblocked")
            }
          })
      }

      @_cdecl("unblock") public func unblock(_ scope: Scope) -> Int32 {
        gate.signal()
        return respond(scope, "signalled")
      }

      @_silgen_name("fork") func forkProcess() -> Int32

      @_cdecl("split") public func split(_ scope: Scope) -> Int32 {
        respond(
          scope,
          answer(scope) { done in
            DispatchQueue.main.async {
              if forkProcess() > 0 { done("forked") }
            }
          })
      }

      @_cdecl("queue") public func queue(_ scope: Scope) -> Int32 {
        respond(
          scope,
          answer(scope) { done in
            DispatchQueue.main.async { done(isMainThread ? "main" : "wrong") }
          })
      }
      """#)

  @Test func `Code of the main actor and of the main queue runs on the main thread, also in start`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.plugin.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/lead").text == "2 on the main thread")
      #expect(try await host.get("/queue").text == "main")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `Code that blocks the main thread is reported with its plugin, and so is its end`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.plugin.install(in: host.plugins)
      try await host.reload()
      async let blocked = host.get("/block")
      let line = try await host.log.line(containing: "main thread blocked for")
      #expect(line.contains("by plugin leading/1; other code of the main actor and of DispatchQueue.main waits"))
      #expect(line.field("plugin") == "leading/1" && line.field("fault") == "plugin")
      #expect(line.field("state") == "in futex" && line.field("stack_guess")?.contains("leading.1.") == true)
      #expect(try await host.get("/unblock").text == "signalled")
      #expect(try await blocked.text == "unblocked")
      let end = try await host.log.line(containing: "main thread runs again after")
      #expect(end.field("plugin") == "leading/1")
    }
  }

  @Test func `A forked child that returns from code of the main queue is ended`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.plugin.install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/split").text == "forked")
      try await host.log.line(containing: "returned from a block of the main queue")
      #expect(try await host.get("/lead").text == "2 on the main thread")
    }
  }
}
