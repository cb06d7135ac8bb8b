import Foundation

/// A C program of a test target's folder `Programs`, compiled together with the sources of a C target.
package struct CProgram {
  private let folder: TemporaryFolder
  /// The program's file, which is removed with this value.
  package var path: String { folder.path(of: "program") }

  /// Compiles `Tests/TESTS/Programs/NAME.c` and all sources of `Sources/LIBRARY`; throws the compiler's messages if it
  /// refuses.
  /// - Parameters:
  ///   - options: of the program alone.
  ///   - common: of the program, the library's sources and the linker.
  package init(
    _ name: String, tests: String, library: String, compiler: Compiler, options: [String], common: [String]
  ) throws {
    folder = try TemporaryFolder()
    let target = Places.package.appending(path: "Sources/\(library)")
    let sources = try FileManager.default.contentsOfDirectory(at: target, includingPropertiesForKeys: nil)
      .filter { ["c", "S"].contains($0.pathExtension) }
    let program = Places.package.appending(path: "Tests/\(tests)/Programs/\(name).c").filePath
    let words =
      ["-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror", "-I", target.appending(path: "include").filePath] + common
    try compiler.compile(words + options + ["-c", program, "-o", "program.o"], in: folder.url)
    try compiler.compile(
      words + ["-O1", "program.o"] + sources.map(\.filePath) + ["-lm", "-o", "program"], in: folder.url)
  }

  /// Runs the program to its end, under `launcher` (an emulator, a debugger) if there is one. Its standard error goes
  /// where its output goes.
  package func run(
    _ arguments: [String] = [], under launcher: [String] = [], environment: [String: String] = [:]
  ) throws -> CommandResult {
    let words = launcher + [path] + arguments
    return try TestSupport.run(
      words[0], Array(words.dropFirst()), environment: environment, limit: .seconds(900), mergesErrors: true)
  }
}
