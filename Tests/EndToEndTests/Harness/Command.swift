import Foundation

/// What a command that ran to its end has left.
struct CommandResult: Sendable {
  let status: ExitStatus
  let output: [UInt8]
  let errors: String

  var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines of standard error, without empty ones.
  var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// Runs a command to its end and collects what it wrote.
func run(
  _ command: String, _ arguments: [String], in directory: URL = FileManager.default.temporaryDirectory,
  environment: [String: String] = [:]
) async throws -> CommandResult {
  let output = try PipeEnds()
  let errors = try PipeEnds()
  let child = try Child(
    command, arguments, in: directory, environment: environment, output: output.writing, errors: errors.writing)
  let (written, complaints) = (Reading(of: output.reading), Reading(of: errors.reading))
  return await CommandResult(
    status: child.status, output: written.bytes, errors: String(decoding: complaints.bytes, as: UTF8.self))
}

/// Runs the binary under test.
func ambit(_ arguments: String..., in directory: URL = FileManager.default.temporaryDirectory) async throws
  -> CommandResult
{
  try await run(Places.ambit.filePath, arguments, in: directory)
}

/// Runs curl, silent but for its errors, and hands back its result.
func curl(_ arguments: String...) async throws -> CommandResult {
  try await run("curl", ["--silent", "--show-error", "--noproxy", "*"] + arguments)
}

/// All that comes out of a descriptor, read from now on by a thread that is there already: one that waited for Swift to
/// run a task would be late where tests keep all of Swift's threads busy, and a pipe holds no more than 64 KiB.
private struct Reading {
  private let end = AsyncStream<[UInt8]>.makeStream()

  init(of descriptor: Int32) {
    Thread.detachNewThread { [end] in
      var bytes: [UInt8] = []
      drain(descriptor) { bytes += $0 }
      end.continuation.yield(bytes)
    }
  }

  /// Everything, once it has ended.
  var bytes: [UInt8] {
    get async { await end.stream.first { _ in true } ?? [] }
  }
}
