import Foundation
import TestSupport

/// Runs a command to its end and collects its output. A host that it starts keeps its files in the folder, not where the
/// user's own hosts do. Beside a host of the same test it runs at once, else when it is its turn.
func run(
  _ command: String, _ arguments: [String], in folder: URL = FileManager.default.temporaryDirectory,
  environment: [String: String] = [:]
) async throws -> CommandResult {
  try await HostSlots.shared.use {
    await otherTestsHaveRun()
    return try await TestSupport.run(
      command, arguments, in: folder, environment: environment.merging(folderVariables(folder)) { chosen, _ in chosen })
  }
}

/// The variables that say where a host keeps its files. Without a folder for sockets the admin socket is beside
/// `host.conf`.
func folderVariables(_ folder: URL) -> [String: String] {
  [
    "STATE_DIRECTORY": folder.appending(path: "state").filePath,
    "CACHE_DIRECTORY": folder.appending(path: "cache").filePath, "RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": "",
  ]
}

/// Runs the binary under test.
func ambit(_ arguments: String..., in folder: URL = FileManager.default.temporaryDirectory) async throws
  -> CommandResult
{
  try await run(Places.ambit.filePath, arguments, in: folder)
}

/// Runs curl, silent but for its errors, and hands back its result.
func curl(_ arguments: String...) async throws -> CommandResult {
  try await run("curl", ["--silent", "--show-error", "--noproxy", "*"] + arguments)
}

/// The reason why a test could not check anything.
enum HarnessError: Error, CustomStringConvertible {
  /// The host ended, or was ended by its time limit, before it logged what the test waits for.
  case linesMissing(Int, log: String)
  /// The host was killed by a signal before the test was done with it: it crashed, or hung until its time limit.
  case hostDied(signal: Int32, log: String)
  /// A command that the test needs failed.
  case commandFailed(String)

  var description: String {
    switch self {
    case .linesMissing(let count, let log): "\(count) awaited lines have not come; the log of the host:\n\(log)"
    case .hostDied(let signal, let log): "signal \(signal) killed the host; its log:\n\(log)"
    case .commandFailed(let text): text
    }
  }
}

extension Places {
  /// Whether host and plugins are built for AddressSanitizer. They take more memory, have its constructors, and end
  /// differently when they crash then.
  static let isSanitized = ProcessInfo.processInfo.environment["CFLAGS"]?.contains("-fsanitize") == true

  /// Whether the `ambit` under test is a release build.
  static let isRelease = ambit.path.contains("/release/")

  /// The source of a plugin that these tests bring along.
  static func probe(_ name: String) -> URL {
    let folder = package.appending(path: "Tests/EndToEndTests/Plugins")
    let files = ["c", "cpp"].map { folder.appending(path: "\(name).\($0)") }
    return files.first { FileManager.default.fileExists(atPath: $0.filePath) } ?? files[0]
  }
}

/// Copies sources of samples, given as `FOLDER/FILE`, into folders of the same names in `folder`.
func copySamples(_ sources: [String], to folder: URL) throws {
  for source in sources {
    let copy = folder.appending(path: source)
    try FileManager.default.createDirectory(at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: Places.package.appending(path: "Plugins/\(source)"), to: copy)
  }
}
