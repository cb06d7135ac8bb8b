import Foundation
import TestSupport
import Testing

/// A language and its standard, as a compiler of this machine knows it.
struct Dialect: Sendable, CustomTestStringConvertible {
  let command: String
  let language: String
  let standard: String

  /// The languages that the header promises to be valid in.
  static let all = [
    Dialect(command: "gcc", language: "c", standard: "c99"),
    Dialect(command: "gcc", language: "c", standard: "c11"),
    Dialect(command: "clang", language: "c", standard: "c99"),
    Dialect(command: "clang", language: "c", standard: "c11"),
    Dialect(command: "g++", language: "c++", standard: "c++11"),
    Dialect(command: "g++", language: "c++", standard: "c++20"),
    Dialect(command: "clang++", language: "c++", standard: "c++11"),
    Dialect(command: "clang++", language: "c++", standard: "c++20"),
  ]

  /// The languages with named fields of initialisers, which documents use for plugins.
  static let namingFields = all.filter { $0.standard != "c++11" }

  var testDescription: String { "\(command) -std=\(standard)" }

  /// Compiles, and fails the test with the compiler's messages unless there are none. If this machine has no such
  /// compiler, it cancels the test and records a warning, as a cancelled case is not shown.
  @discardableResult
  func compile(_ arguments: [String], in folder: TemporaryFolder) throws -> String {
    guard let path = Places.tool(command) else {
      Issue.record("not tested: no \(command) in PATH", severity: .warning)
      try Test.cancel("no \(command) in PATH")
    }
    let messages = try Compiler(path).compile(strictness + arguments, in: folder.url)
    #expect(messages == "" || arguments.contains("-M"))
    return messages
  }

  private var strictness: [String] {
    [
      "-x", language, "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
      "-I", Places.headers.filePath,
    ]
  }
}

/// The files under test, and the programs that include them.
enum Sources {
  /// A source of the C target itself, by name.
  static func ofTarget(_ name: String) -> String { Places.package.appending(path: "Sources/CAmbit/\(name)").filePath }

  /// A program of this test target, by name.
  static func program(_ name: String) -> String {
    Places.package.appending(path: "Tests/CAmbitTests/Programs/\(name)").filePath
  }
}
