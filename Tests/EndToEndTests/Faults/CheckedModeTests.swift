import TestSupport
import Testing

/// `ambit serve --checked` and calls that `ambit.h` forbids.
@Suite struct `Checked mode` {
  /// A request, the status that its plugin got, and the report of the host.
  struct Forbidden: Sendable, CustomTestStringConvertible {
    let path: String
    let answer: String
    let reports: [String]
    var testDescription: String { path }
  }

  private static let configuration = "threads = 1"

  @Test(arguments: [
    Forbidden(
      path: "/use-job", answer: "join -7\n",
      reports: [
        "ambit_cancel_job was called with the handle of a job whose scope has closed",
        "ambit_join was called with the handle of a job whose scope has closed",
      ]),
    Forbidden(
      path: "/use-event", answer: "event_wait -7\n",
      reports: [
        "ambit_event_set was called on a scope that has closed",
        "ambit_event_wait was called with the handle of an event or a channel whose scope has closed",
      ]),
    Forbidden(
      path: "/set-draining", answer: "event_set -4\n",
      reports: [
        "ambit_event_reset was called with the event of ambit_draining, which the host alone sets",
        "ambit_event_set was called with the event of ambit_draining, which the host alone sets",
      ]),
    Forbidden(
      path: "/once-here", answer: "every -4\n",
      reports: [
        "ambit_spawn was called with AMBIT_JOB_ONCE in another scope than the plugin's",
        "ambit_every was called with AMBIT_JOB_ONCE in another scope than the plugin's",
      ]),
    Forbidden(
      path: "/use-thread", answer: "open -8\n",
      reports: [
        "ambit_sleep was called on a thread that runs no job of the scope",
        "ambit_cancel was called on a thread that runs no job of the scope",
      ]),
    Forbidden(
      path: "/use-bound", answer: "bound 0\n",
      reports: ["ambit_bind: the function of signature \"i32 (i32 x)\" was called after its scope had closed"]),
    Forbidden(path: "/end-twice", answer: "", reports: ["ambit_end returned AMBIT_WRONG_STATE"]),
    Forbidden(path: "/respond-twice", answer: "first 0\n", reports: ["ambit_respond returned AMBIT_WRONG_STATE"]),
    Forbidden(
      path: "/wait-at-end", answer: "on_end -7\n", reports: ["ambit_sleep was called in an on_end function"]),
    Forbidden(
      path: "/wait-deferred", answer: "deferred -7\n", reports: ["ambit_sleep was called in a deferred function"]),
    Forbidden(
      path: "/wait-on-cancel", answer: "on_cancel -7\n", reports: ["ambit_sleep was called in an on_cancel function"]),
    Forbidden(path: "/use-ref", answer: "done -3\n", reports: []),
  ])
  func `Checked mode refuses a forbidden call, and names it with its plugin`(forbidden: Forbidden) async throws {
    try await withHost([.fixture("forbidden_calls")], configuration: Self.configuration, arguments: ["--checked"]) {
      host in
      let answer = try await host.get(forbidden.path)
      #expect(answer.status == 200 && answer.text == forbidden.answer)
      for report in forbidden.reports {
        let line = try await host.log.line(containing: report)
        #expect(line.field("plugin") == "forbidden_calls/1" && line.field("fault") == "plugin", "\(line)")
      }
      #expect(host.log.lines { $0.contains(" ambit_") && $0.field("fault") != nil }.count == forbidden.reports.count)
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `Checked mode knows a closed scope although many others have closed since`() async throws {
    try await withHost([.fixture("forbidden_calls")], configuration: Self.configuration, arguments: ["--checked"]) {
      host in
      _ = try await host.get("/keep")
      for _ in 0..<50 { _ = try await host.get("/use-ref") }
      let answer = try await host.get("/use-kept")
      #expect(answer.text == "absent -7\n")
      for call in ["ambit_log", "ambit_alloc", "ambit_path", "ambit_sleep"] {
        let line = try await host.log.line(containing: "\(call) was called on a scope that has closed")
        #expect(line.field("route") == "GET /keep", "\(line)")
      }
      #expect(host.log.lines { $0.contains("this must not be written") }.isEmpty)
    }
  }

  @Test func `Checked mode does not disturb plugins that keep the contract`() async throws {
    try await withHost([.probe("jobs"), .probe("threads"), .sample("hello")], arguments: ["--checked"]) { host in
      for (path, answer) in [
        ("/hello/World", "Hello, World!\n"), ("/complete", "join=0 outcome=completed code=0\n"),
        ("/joined", "join_all=0 threads=8\n"), ("/block", "block=0 on ambit-pool\n"),
      ] {
        let text = try await host.get(path).text
        #expect(text == answer)
      }
      #expect(host.log.lines { $0.contains(" ambit_") && $0.field("fault") != nil }.isEmpty)
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test(arguments: [("/wait-at-end", "on_end -7\n"), ("/use-thread", "open -8\n"), ("/use-ref", "done -3\n")])
  func `A call that can be told from a good one fails without checked mode too`(path: String, text: String) async throws
  {
    try await withHost([.fixture("forbidden_calls")], configuration: Self.configuration) { host in
      let answer = try await host.get(path)
      #expect(answer.text == text)
      #expect(host.log.lines { $0.contains(" ambit_") && $0.field("fault") != nil }.isEmpty)
    }
  }
}
