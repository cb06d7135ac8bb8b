import Foundation
import Glibc
import TestSupport
import Testing

/// Workers whose processes are stopped: SIGSTOP, a debugger.
@Suite struct `Stopped workers` {
  @Test func `New connections are served while one of two workers is stopped`() async throws {
    try await withHost([.sample("hello")], configuration: "workers = 2\nthreads = 1", isSingle: false) { host in
      let workers = try await host.adminJSON("/status").objects("workers").compactMap { $0.number("pid") }
      try #require(workers.count == 2)
      for worker in workers {
        let position = host.log.position
        kill(pid_t(worker), SIGSTOP)
        try await host.log.line(after: position, containing: "(pid \(worker)) was stopped")
        for _ in 0..<50 { #expect(try await host.get("/hello/World").status == 200) }
        kill(pid_t(worker), SIGCONT)
        try await host.log.line(after: position, containing: "(pid \(worker)) was continued")
      }
    }
  }
}
