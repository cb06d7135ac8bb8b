import Foundation

/// A C program of the folder `Programs`, compiled together with the sources of CCrash in a directory of its own.
final class CProgram {
  /// How a run ended and what it printed, both streams together.
  struct Ended: Equatable {
    var output: String
    /// Exit status, or the negated number of the signal that killed it.
    var status: Int32
  }

  struct CompilerFailed: Error, CustomStringConvertible {
    var description: String
  }

  private let directory: URL

  /// Compiles `Programs/NAME.c` with `options` of its own, and all with `common` ones; throws the compiler's own words
  /// if it refuses.
  init(_ name: String, compiler: Tool, options: [String] = [], common: [String] = []) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("ccrash-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let library = folder.appendingPathComponent("../../Sources/CCrash").standardizedFileURL
    let sources = try FileManager.default.contentsOfDirectory(at: library, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "c" }
    let words = [compiler.path, "-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror"] + common
    let headers = ["-I", library.appendingPathComponent("include").path]
    let object = directory.appendingPathComponent("program.o").path
    let source = folder.appendingPathComponent("Programs/\(name).c").path
    for command in [
      words + headers + options + ["-c", source, "-o", object],
      words + headers + ["-O1", object] + sources.map(\.path) + ["-o", executable],
    ] {
      let compiled = try Self.run(command)
      if compiled.status != 0 { throw CompilerFailed(description: compiled.output) }
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: directory)
  }

  private var executable: String { directory.appendingPathComponent("program").path }

  /// Runs the program to its end, under `launcher` (an emulator, a debugger) if there is one.
  func run(
    _ arguments: [String] = [], under launcher: [String] = [], environment: [String: String] = [:]
  ) throws -> Ended {
    try Self.run(launcher + [executable] + arguments, environment: environment)
  }

  private static func run(_ words: [String], environment: [String: String] = [:]) throws -> Ended {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try withAllSignals { try process.run() }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let status = process.terminationStatus
    return Ended(
      output: String(decoding: output, as: UTF8.self),
      status: process.terminationReason == .uncaughtSignal ? -status : status)
  }

  /// Unblocks all signals meanwhile. A child inherits the mask of the thread that starts it, and the threads that tests
  /// run on block most: gdb would wait for SIGCHLD for ever.
  private static func withAllSignals(_ body: () throws -> Void) rethrows {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
  }
}
