import Foundation
import TestSupport
import Testing

/// What code of a plugin does to its worker that it must not do: a row of the second table in Deaths.md.
struct Misdeed: Sendable, CustomTestStringConvertible {
  /// What the probe `misdeeds` calls it.
  let what: String
  /// The status of the response; nil: the request is lost with its worker.
  var status: Int? = 200
  /// Part of the line about it, which the worker or its supervisor writes; nil: there is none.
  var report: String?
  /// Whether that line names the plugin.
  var isNamed = false
  /// The cause in the line about the death of the worker; nil: the worker serves on.
  var cause: String?
  /// Whether the death is blamed on the plugin.
  var isBlamed = false
  /// A second request in the same worker is to do the same.
  var isForTwo = false
  /// The worker can accept no connection any more.
  var acceptsNothing = false
  var testDescription: String { what }

  static let all = [
    Misdeed(
      what: "fork", report: "a child that plugin code forked returned from a handler into the host", isNamed: true),
    Misdeed(what: "execve", status: nil, cause: "it has become another program, "),
    Misdeed(what: "chdir"),
    Misdeed(what: "umask"),
    Misdeed(what: "signal", report: "plugin code has reset or ignored SIGTERM; the host has installed its own handler"),
    Misdeed(what: "setlocale"),
    Misdeed(what: "alarm", cause: "SIGALRM"),
    Misdeed(what: "setrlimit", report: "cannot accept connections: ", acceptsNothing: true),
    Misdeed(what: "eat", report: "cannot accept connections: ", acceptsNothing: true),
    Misdeed(what: "close", status: nil, report: "CRITICAL ", cause: "the worker has ended itself"),
    Misdeed(what: "allocate", status: 503, report: "has reached its limit of 512 MiB of memory", isNamed: true),
    Misdeed(
      what: "lock", status: nil, report: "a job must not hold a lock across a wait", isNamed: true,
      cause: PluginDeath.endlessLoop.cause, isBlamed: PluginDeath.endlessLoop.isBlamed, isForTwo: true),
  ]
}

@Suite(.disabled(if: Places.isSanitized)) struct `The table of misdeeds` {
  @Test(arguments: Misdeed.all) func `Each misdeed costs, blames and reports what the table says`(misdeed: Misdeed)
    async throws
  {
    let configuration = misdeed.isForTwo ? PluginDeath.endlessLoop.configuration : PluginDeath.all[0].configuration
    try await withHost([.probe("misdeeds"), .probe("deaths")], configuration: configuration) { host in
      let workers = try await BusyWorkers(of: host)
      let position = host.log.position
      let first = misdeed.isForTwo ? try await host.connect(toWorker: workers.doomed.pid) : nil
      try await first?.ask(misdeed, in: host)
      try await workers.doomed.ask(misdeed, in: host)
      if let status = misdeed.status { #expect(try await workers.doomed.client.response().status == status) }
      try await expectReport(misdeed, host, after: position)
      if let cause = misdeed.cause {
        let line = try await host.log.line(after: position, containing: " died: \(cause)")
        #expect(line.field("plugin") == (misdeed.isBlamed ? "misdeeds/1" : nil), "\(line)")
        try await host.log.line(after: line.number, containing: "serves again")
        let lost = [workers.doomed, workers.beside, first].compactMap { $0 }
        for connection in lost { #expect(try await connection.client.rest().isEmpty) }
      }
      try await host.expectAnswers()
      try workers.release(in: host)
      if misdeed.cause == nil {
        #expect(try await workers.beside.client.response().text == "held\n")
        try await workers.doomed.ask("/pid")
        #expect(try await workers.doomed.client.response().text == "\(workers.doomed.pid)")
      }
      #expect(try await workers.other.client.response().text == "held\n")
      try await expectWholeService(misdeed, host)
    }
  }

  /// Connects meanwhile: a worker may have to accept a connection before there is something to report.
  private func expectReport(_ misdeed: Misdeed, _ host: Host, after position: Int) async throws {
    guard let report = misdeed.report else { return }
    let lines = try await eventually(until: { !$0.isEmpty }) {
      if misdeed.acceptsNothing { try await host.expectAnswers() }
      return host.log.lines { $0.number > position && $0.contains(report) }
    }
    #expect(lines.first?.field("plugin") == (misdeed.isNamed ? "misdeeds/1" : nil), "\(lines)")
  }

  private func expectWholeService(_ misdeed: Misdeed, _ host: Host) async throws {
    let crashes = try await host.twoServingWorkers().map { $0.number("crashes") ?? 0 }.reduce(0, +)
    #expect(crashes == (misdeed.cause == nil ? 0 : 1))
    #expect(try await host.crashes(of: "misdeeds") == [misdeed.isBlamed ? 1 : 0])
    #expect(try await host.reload().field("failed") == "0")
  }
}

extension WorkerConnection {
  fileprivate func ask(_ misdeed: Misdeed, in host: Host) async throws {
    let position = host.log.position
    try await ask("/do/\(misdeed.what)")
    // The order of two requests that follow each other on different connections is not certain otherwise.
    if misdeed.isForTwo { try await host.log.line(after: position) { $0.text == "locks" } }
  }
}
