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
  async let written = onOwnThread { readAll(output.reading) }
  async let complaints = onOwnThread { readAll(errors.reading) }
  return try await CommandResult(
    status: child.status, output: written, errors: String(decoding: complaints, as: UTF8.self))
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

private func readAll(_ descriptor: Int32) -> [UInt8] {
  var bytes: [UInt8] = []
  drain(descriptor) { bytes += $0 }
  return bytes
}
