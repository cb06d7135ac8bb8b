import Foundation
import Glibc
import TestSupport
import Testing

/// One way to end, and what is noted of it: a row of the table that `EndingTests` goes through.
struct Ending: Sendable, CustomTestStringConvertible {
  enum Doer { case plugin, client, host }

  let path: String
  let doer: Doer
  /// What somebody else than the plugin does, once handler and jobs wait.
  var act: (@Sendable (Host, Client) async throws -> Void)?
  /// Of the response; nil where nobody reads one.
  var status: Int?
  /// Why the request ends.
  let cause: String
  /// Why its child does.
  let childCause: String
  /// What is noted besides what a cancel brings: of the handler, and of jobs that end by themselves.
  private var others: [String]
  /// The scopes whose waiting job ends otherwise.
  private var withoutWait: Set<String> = []

  var testDescription: String { "\(path) \(cause)" }

  func cause(of scope: String) -> String { scope == "child" ? childCause : cause }

  /// All lines, each of which is there once.
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
