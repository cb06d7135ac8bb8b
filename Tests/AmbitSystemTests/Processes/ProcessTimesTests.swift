import AmbitCore
import Foundation
import Glibc
import Synchronization
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

  @Test func `A thread has samples of its own, whatever other threads of its process do`() async throws {
    let number = Mutex<Int32>(0)
    let ended = Latch<Void>()
    let thread = try SystemThread(for: "a test") {
      // "PID/task/TID"
      let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
      number.withLock { $0 = Int32(link.split(separator: "/").last ?? "") ?? -1 }
      _ = ended.wait()
    }
    defer {
      ended.arrive(())
      thread.join()
    }
    let sleeping = try await eventually(until: { $0 != 0 }) { number.withLock { $0 } }
    let process = getpid()
    try await eventually(until: { $0?.runnableThreads == 0 }) { ProcessTimes.sample(ofThread: sleeping, of: process) }
    let first = try #require(ProcessTimes.sample(ofThread: sleeping, of: process))
    let all = try #require(ProcessTimes.sample(of: process))
    try await eventually(until: { $0!.processorTime > all.processorTime }) { ProcessTimes.sample(of: process) }
    let last = try #require(ProcessTimes.sample(ofThread: sleeping, of: process))
    #expect(last.processorTime == first.processorTime && last.time > first.time && !last.isStopped)
    #expect(ProcessTimes.sample(ofThread: process, of: 1) == nil)
  }

  @Test func `There is no sample of a process that is gone`() async throws {
    try await withProcess("exit 0") { command in
      _ = await command.status
      #expect(ProcessTimes.sample(of: command.pid) == nil)
    }
  }
}
