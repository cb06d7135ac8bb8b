import AmbitCore
import Foundation
import Glibc
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct `Samples of other processes` {
  /// Runs a script of the shell, and ends it when `body` returns.
  private func withProcess(_ script: String, _ body: (RunningCommand) async throws -> Void) async throws {
    let (output, errors) = (try PipeEnds(), try PipeEnds())
    defer { for end in [output.reading, errors.reading] { close(end) } }
    let command = try RunningCommand(
      "sh", ["-c", script], in: FileManager.default.temporaryDirectory, output: output.writing, errors: errors.writing)
    try await body(command)
    command.signal(SIGKILL)
    _ = await command.status
  }

  @Test func `A sample tells that a process is stopped, and that it goes on`() async throws {
    try await withProcess("exec sleep 1000") { command in
      command.signal(SIGSTOP)
      try await eventually(until: { $0?.isStopped == true }) { ProcessTimes.sample(of: command.pid) }
      command.signal(SIGCONT)
      try await eventually(until: { $0?.isStopped == false }) { ProcessTimes.sample(of: command.pid) }
    }
  }

  @Test func `A process that computes is runnable, and its processor time grows`() async throws {
    try await withProcess("while :; do :; done") { command in
      let first = try #require(ProcessTimes.sample(of: command.pid))
      let last = try await eventually(until: {
        $0.map { $0.processorTime >= first.processorTime + 50_000_000 } ?? false
      }) {
        ProcessTimes.sample(of: command.pid)
      }
      #expect(last?.runnableThreads == 1 && last!.time > first.time, "\(String(describing: last))")
    }
  }

  @Test func `A process that sleeps is not runnable, and uses no processor time`() async throws {
    try await withProcess("exec sleep 1000") { command in
      try await eventually(until: { $0 == "sleep" }) { ProcessTimes.name(of: command.pid) }
      try await eventually(until: { $0?.runnableThreads == 0 }) { ProcessTimes.sample(of: command.pid) }
    }
  }

  @Test func `There is no sample of a process that is gone`() async throws {
    try await withProcess("exit 0") { command in
      _ = await command.status
      #expect(ProcessTimes.sample(of: command.pid) == nil)
    }
  }
}
