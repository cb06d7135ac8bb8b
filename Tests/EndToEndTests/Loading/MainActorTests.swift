import TestSupport
import Testing

/// Code of plugins that belongs to the main thread.
@Suite(.enabled(if: SwiftPlugin.isSupported)) struct `The main actor of a plugin in Swift` {
  private static let plugin = SwiftPlugin(
    "leading", "lead", "queue", fields: ".start = start",
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
}
