import Foundation
import TestSupport
import Testing

/// A plugin in Swift, built as the page on writing plugins says.
@Suite(.enabled(if: SwiftPlugin.isSupported)) struct `A plugin in Swift` {
  private static let leases = SwiftPlugin(
    "swiftly", patterns: [("GET /greet/{name}", "greet"), ("GET /hold", "hold")],
    source: #"""
      /// An object that must be released, whatever ends the job.
      final class Lease {
        private let scope: Scope
        private let name: String
        var uses = 0
        init(_ scope: Scope, _ name: String) { (self.scope, self.name) = (scope, name) }
        deinit { ambit_log(scope, AMBIT_INFO, "released \(name)", "released \(name)".utf8.count) }
      }

      @_cdecl("greet") public func greet(_ scope: Scope) -> Int32 {
        let name = ambit_param(scope, "name")
        return respond(
          scope, "Hej, \(String(decoding: UnsafeRawBufferPointer(start: name.ptr, count: name.len), as: UTF8.self))!\n")
      }

      func wait(_ scope: Scope, counting uses: inout Int) -> Int32 {
        uses += 1
        ambit_log(scope, AMBIT_INFO, "waits", 5)
        return ambit_sleep(scope, 3_600_000_000_000)
      }

      @_cdecl("hold") public func hold(_ scope: Scope) -> Int32 {
        var options = ambit_default_job_options("work")
        options.on_end = { lease, _, _ in Unmanaged<Lease>.fromOpaque(lease!).release() }
        let lease = Unmanaged.passRetained(Lease(scope, "job"))
        let status = ambit_spawn(
          scope, { wait($0!, counting: &Unmanaged<Lease>.fromOpaque($1!).takeUnretainedValue().uses) },
          lease.toOpaque(), &options, nil)
        let own = Lease(scope, "handler")
        return status == AMBIT_OK ? wait(scope, counting: &own.uses) : status
      }
      """#)

  @Test func `A plugin in Swift answers, and releases its objects when its client leaves`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.leases.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/greet/V%C3%A4rld").text == "Hej, Värld!\n")
      let connection = try host.connect()
      try await connection.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      _ = try await host.log.lines(2) { $0.contains("waits") }
      connection.close()
      try await host.log.line(containing: "released handler")
      try await host.log.line(containing: "released job")
      #expect(try await host.get("/greet/you").text == "Hej, you!\n")
    }
  }

  private static let modifying = SwiftPlugin(
    "modifying", "modify", "overlap",
    source: #"""
      final class Counter {
        var count = 0
      }
      nonisolated(unsafe) let counters = [Counter(), Counter()]
      nonisolated(unsafe) let shared = counters[0]
      nonisolated(unsafe) var entered = 0
      nonisolated(unsafe) var left = 0

      /// Waits within the modification until two requests are within one. They leave in the order in which they came,
      /// unlike the functions of one thread.
      func add(to count: inout Int, _ scope: Scope) -> Int32 {
        count += 1
        let place = entered
        entered += 1
        while entered < 2 || left < place {
          let status = ambit_sleep(scope, 1_000_000)
          if status != AMBIT_OK { return status }
        }
        left += 1
        return AMBIT_OK
      }

      @_cdecl("modify") public func modify(_ scope: Scope) -> Int32 {
        let status = add(to: &counters[Int(query(scope, "counter"))!].count, scope)
        return status == AMBIT_OK ? respond(scope, "modified\n") : status
      }

      func twice(_ count: inout Int, _ work: () -> Void) {
        count += 1
        work()
      }

      @_cdecl("overlap") public func overlap(_ scope: Scope) -> Int32 {
        twice(&shared.count) { shared.count += 1 }
        return respond(scope, "overlapped\n")
      }
      """#)

  @Test(arguments: [[], ["--checked"]], [[0, 1], [0, 0]])
  func `Two requests wait within modifications of a property, and both answer`(
    arguments: [String], counters: [Int]
  ) async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1", arguments: arguments) { host in
      try await Self.modifying.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      async let first = host.get("/modify?counter=\(counters[0])")
      async let second = host.get("/modify?counter=\(counters[1])")
      let answers = try await [first.text, second.text]
      #expect(answers == ["modified\n", "modified\n"])
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `Only checked mode checks whether a job modifies a variable within a modification of it`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.modifying.install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/overlap").text == "overlapped\n")
    }
    try await withHost([.sample("hello")], configuration: "threads = 1", arguments: ["--checked"]) { host in
      try await Self.modifying.install(in: host.plugins)
      try await host.reload()
      _ = try? await host.get("/overlap")
      try await host.log.line(containing: "Simultaneous accesses")
      try await host.expectNewWorker(afterDeathBy: "SIGABRT")
    }
  }

  private static let parsing = SwiftPlugin(
    "parsing", patterns: [("POST /decode", "decode"), ("POST /convert", "convert")],
    source: #"""
      import Foundation

      struct Comment: Decodable { var replies: [Comment] }

      func body(_ scope: Scope) -> Data {
        var body = ambit_str()
        return ambit_body(scope, &body) == AMBIT_OK ? Data(bytes: body.ptr, count: body.len) : Data()
      }

      @_cdecl("decode") public func decode(_ scope: Scope) -> Int32 {
        do {
          var comment = try JSONDecoder().decode(Comment.self, from: body(scope))
          var depth = 1
          while let reply = comment.replies.first { (comment, depth) = (reply, depth + 1) }
          return respond(scope, "\(2 * depth) levels")
        } catch {
          return respond(scope, "\(error)")
        }
      }

      @_cdecl("convert") public func convert(_ scope: Scope) -> Int32 {
        do {
          let object = try JSONSerialization.jsonObject(with: body(scope))
          return respond(scope, "\(try JSONSerialization.data(withJSONObject: object).count) bytes")
        } catch {
          return respond(scope, "\(error)")
        }
      }

      @_cdecl("schedule") public func schedule(_ scope: Scope) -> Int32 {
        RunLoop.main.perform {}
        return respond(scope, "scheduled")
      }
      """#)

  @Test func `A handler with Foundation reads 512 levels of JSON, and the host warns that nothing runs its run loop`()
    async throws
  {
    try await withHost([.sample("hello")], configuration: "threads = 1") { host in
      try await Self.parsing.install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      try await host.log.line(containing: "no thread of the host runs a run loop")
      let text = String(repeating: #"{"replies":["#, count: 256) + String(repeating: "]}", count: 256)
      let request = " HTTP/1.1\r\nHost: ambit\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
      #expect(try await host.answer(to: "POST /decode" + request).text == "512 levels")
      #expect(try await host.answer(to: "POST /convert" + request).text == "\(text.utf8.count) bytes")
    }
  }
}
