import AmbitCore
import Logging
import Testing

@testable import AmbitRuntime

@Suite struct `Line of the scope tree` {
  private let request = ScopeLabel(
    id: 7, request: RequestID(number: 7), name: "", plugin: "hello/3", label: "GET /wait")

  @Test func `The line of a scope is indented and has its cause and deadline if there are any`() {
    let open = scope(.open)
    #expect(open.message == "    scope request")
    #expect(
      open.fields == [
        "request": "\(request.request!)", "plugin": "hello/3", "route": "GET /wait", "loop": "1", "parent": "2",
        "jobs": "4", "state": "open", "age_ms": "1500", "deadline_ms": "-2",
      ])
    let ending = scope(.cancelling, cause: .disconnect, timeLeft: nil).fields
    #expect(ending["state"] == "cancelling" && ending["cause"] == "disconnect" && ending["deadline_ms"] == nil)
  }

  @Test func `The line of a plugin's scope that is being retired says so until the scope ends`() {
    #expect(scope(.open, isRetiring: true).fields["state"] == "retiring")
    #expect(scope(.cancelling, isRetiring: true, cause: .retired).fields["state"] == "cancelling")
  }

  @Test func `The line of a job has its name, its wait with its time, and its stack`() {
    let report = JobReport(
      isHandler: false, name: "dns", state: .suspended, age: 9_999_999,
      wait: .init(kind: .joinAll, time: 1_000_000), stackBytes: 8192)
    let line = ScopeTreeLine(ScopeTree.Entry(depth: 3, scope: request, subject: .job(report)), loop: 0)
    #expect(line.message == "      job")
    #expect(
      line.fields == [
        "request": "\(request.request!)", "plugin": "hello/3", "route": "GET /wait", "loop": "0", "job": "dns",
        "state": "waiting", "age_ms": "9", "waits_for": "join_all", "waits_ms": "1", "stack_bytes": "8192",
      ])
  }

  @Test func `The line of a handler on a thread has no wait, no stack and no name`() {
    let report = JobReport(isHandler: true, name: "", state: .onThread, age: 0, wait: nil, stackBytes: nil)
    let line = ScopeTreeLine(ScopeTree.Entry(depth: 0, scope: request, subject: .job(report)), loop: 0)
    #expect(line.message == "handler" && line.fields["state"] == "thread")
    #expect(Set(line.fields.keys).isDisjoint(with: ["job", "waits_for", "waits_ms", "stack_bytes"]))
  }

  private func scope(
    _ state: ScopeState, isRetiring: Bool = false, cause: Cause = .none, timeLeft: Int64? = -2_000_000
  ) -> ScopeTreeLine {
    let report = ScopeReport(
      kind: .request, parent: "2", state: state, isRetiring: isRetiring, cause: cause, age: 1_500_000_000,
      timeLeft: timeLeft, jobs: 4)
    return ScopeTreeLine(ScopeTree.Entry(depth: 2, scope: request, subject: .scope(report)), loop: 1)
  }
}
