import Dispatch
package import Foundation
import Synchronization

/// The result of a command that ran to its end.
package struct CommandResult: Sendable {
  package let status: ExitStatus
  package let output: [UInt8]
  package let errors: String

  /// Standard output as text.
  package var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines of standard error, without empty ones.
  package var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// Runs a command to its end and collects its output. Blocks the thread.
/// - Parameter mergesErrors: whether standard error goes where standard output goes, in the order of the writes.
package func run(
  _ command: String, _ arguments: [String], in folder: URL = FileManager.default.temporaryDirectory,
  environment: [String: String] = [:], limit: Duration = .seconds(600), mergesErrors: Bool = false
) throws -> CommandResult {
  let output = try PipeEnds()
  let errors = mergesErrors ? nil : try PipeEnds()
  let running = try RunningCommand(
    command, arguments, in: folder, environment: environment, output: output.writing,
    errors: errors?.writing ?? output.writing, limit: limit)
  let errorReader = errors.map { PipeReader($0.reading) }
  var bytes: [UInt8] = []
  drain(output.reading) { bytes += $0 }
  return CommandResult(
    status: running.waitForEnd(), output: bytes,
    errors: String(decoding: errorReader?.bytes() ?? [], as: UTF8.self))
}

/// Runs a command to its end and collects its output.
package func run(
  _ command: String, _ arguments: [String], in folder: URL = FileManager.default.temporaryDirectory,
  environment: [String: String] = [:], limit: Duration = .seconds(600), mergesErrors: Bool = false
) async throws -> CommandResult {
  try await onOwnThread {
    try run(command, arguments, in: folder, environment: environment, limit: limit, mergesErrors: mergesErrors)
  }
}

/// Reads a pipe to its end on a thread of its own: a pipe holds 64 KiB, and its writer waits for a reader after that.
private final class PipeReader: Sendable {
  private let content = Mutex<[UInt8]>([])
  private let ended = DispatchSemaphore(value: 0)

  init(_ descriptor: Int32) {
    Thread.detachNewThread { [self] in
      drain(descriptor) { piece in content.withLock { $0 += piece } }
      ended.signal()
    }
  }

  /// Waits for the end of the pipe. May be called once.
  func bytes() -> [UInt8] {
    ended.wait()
    return content.withLock { $0 }
  }
}

/// Runs blocking code on a thread of its own, so that waiting tests do not use up the few threads Swift runs tasks on.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
  }
}
