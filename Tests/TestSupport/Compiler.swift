package import Foundation
import Testing

/// A compiler of C or C++.
package struct Compiler: Sendable, CustomTestStringConvertible {
  /// Its name, searched in `PATH`, or its path.
  package let command: String

  package init(_ command: String) { self.command = command }

  /// The compilers that people use here.
  package static let c = Compiler("cc")
  package static let clang = Places.tool("clang").map(Compiler.init)
  package static let gcc = Places.tool("gcc").map(Compiler.init)
  package static let arm64 = Places.tool("aarch64-linux-gnu-gcc").map(Compiler.init)

  /// The C compilers of this machine, at least one: the Swift toolchain, which every build of the package needs, has
  /// clang.
  package static let all = [clang, gcc].compactMap { $0 }

  package var testDescription: String { command }

  /// Runs the compiler, and throws its messages if it fails. Blocks the thread.
  /// - Returns: its messages.
  @discardableResult
  package func compile(
    _ arguments: [String], in folder: URL = FileManager.default.temporaryDirectory
  ) throws -> String {
    let result = try run(command, arguments, in: folder, limit: .seconds(900), mergesErrors: true)
    guard result.status == .exited(0) else {
      throw CompilerError(command: ([command] + arguments).joined(separator: " "), messages: result.text)
    }
    return result.text
  }

  /// Runs the compiler, and throws its messages if it fails.
  @discardableResult
  package func compile(
    _ arguments: [String], in folder: URL = FileManager.default.temporaryDirectory
  ) async throws -> String {
    try await onOwnThread { try compile(arguments, in: folder) }
  }

  /// The shared library made of one source of a plugin, with the command that the README shows and stricter warnings.
  /// The variables `CC`, `CXX`, `CFLAGS` and `CXXFLAGS` count as usual: a run with a sanitizer has its plugins
  /// instrumented by them.
  package static func plugin(_ source: URL, _ flags: [String] = []) async throws -> Data {
    let isC = source.pathExtension == "c"
    let variables = ProcessInfo.processInfo.environment
    let compiler = Compiler(variables[isC ? "CC" : "CXX"] ?? (isC ? "cc" : "c++"))
    let extra = variables[isC ? "CFLAGS" : "CXXFLAGS"]?.split(separator: " ").map(String.init) ?? []
    let language = isC ? ["-std=c11", "-D_GNU_SOURCE"] : ["-std=c++20"]
    let strict = [
      "-shared", "-fPIC", "-fstack-clash-protection", "-g", "-Wall", "-Wextra", "-Werror", "-I",
      Places.headers.filePath,
    ]
    return try await withTemporaryFolder { folder in
      let library = folder.appending(path: "plugin.so")
      let files = ["-o", library.filePath, source.filePath]
      try await compiler.compile(language + strict + extra + flags + files)
      return try Data(contentsOf: library)
    }
  }
}

/// A compiler refused a source, or the linker an object.
package struct CompilerError: Error, CustomStringConvertible {
  package let command: String
  package let messages: String

  package var description: String { "\(command):\n\(messages)" }
}
