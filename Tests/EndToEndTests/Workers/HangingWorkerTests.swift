import Foundation
import Glibc
import TestSupport
import Testing

/// Workers whose event loops are blocked, or whose process is stopped.
@Suite struct `A worker that accepts no connection` {
  @Test func `A worker all of whose loops are blocked is replaced, and one with a loop that turns is not`() async throws
  {
    let configuration = "workers = 2\nthreads = 2\n[limits]\nhang_limit = \"1s\""
    try await withHost([.probe("deaths")], configuration: configuration) { host in
      // One loop of the first worker, then each loop of the other one.
      let first = try await host.connectToWorker()
      var blocked: [WorkerConnection] = []
      var position = host.log.position
      try await first.ask("/block")
      try await host.log.line(after: position) { $0.text == "blocks" }
      while blocked.count < 2 {
        let next = try await host.connectToWorker()
        guard next.pid != first.pid else { continue }
        position = host.log.position
        try await next.ask("/block")
        try await host.log.line(after: position) { $0.text == "blocks" }
        blocked.append(next)
      }
      let line = try await host.log.line(containing: "has accepted no connection for hang_limit (1000 ms)")
      #expect(line.contains("ERROR") && line.contains("(pid \(blocked[0].pid))"), "\(line)")
      #expect(line.contains("is blocked by handler GET /block of plugin deaths/1"), "\(line)")
      try await host.log.line(after: line.number, containing: " died: it has accepted no connection for hang_limit")
      try await host.log.line(after: line.number, containing: "serves again")
      #expect(try await blocked[0].client.rest().isEmpty)
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.first { $0.number("pid") == Int(first.pid) }?.number("crashes") == 0)
      #expect(workers.map { $0.number("crashes") ?? 0 }.reduce(0, +) == 1)
    }
  }

  @Test func `While one worker is stopped, another one accepts all connections, and nobody is replaced`() async throws {
    let configuration = "workers = 2\nthreads = 1\n[limits]\nhang_limit = \"200ms\""
    try await withHost([.probe("deaths")], configuration: configuration) { host in
      let (stopped, other) = try await host.connectToTwoWorkers()
      kill(stopped.pid, SIGSTOP)
      let line = try await host.log.line(containing: "(pid \(stopped.pid)) was stopped by SIGSTOP")
      #expect(line.contains("WARNING"), "\(line)")
      try await stopped.ask("/pid")
      for _ in 0..<40 { #expect(try await host.connectToWorker().pid == other.pid) }
      kill(stopped.pid, SIGCONT)
      try await host.log.line(after: line.number, containing: "(pid \(stopped.pid)) was continued")
      #expect(try await stopped.client.response().text == "\(stopped.pid)")
      #expect(host.log.lines { $0.contains("serves again") }.isEmpty)
    }
  }

  @Test func `Workers serve on while the supervisor is stopped, and one that ends meanwhile is replaced afterwards`()
    async throws
  {
    try await withHost([.probe("deaths")], configuration: "workers = 2\nthreads = 1") { host in
      let (doomed, other) = try await host.connectToTwoWorkers()
      host.child.signal(SIGSTOP)
      kill(doomed.pid, SIGKILL)
      #expect(try await doomed.client.rest().isEmpty)
      for _ in 0..<20 { #expect(try await host.connectToWorker().pid == other.pid) }
      host.child.signal(SIGCONT)
      try await host.log.line(containing: " died: SIGKILL")
      try await host.log.line(containing: "serves again")
    }
  }
}
