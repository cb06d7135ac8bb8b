import Foundation
import Testing

/// A compiler of this machine, with the language and the standard that it is to take a source for.
struct Compiler: Sendable, CustomTestStringConvertible {
  let command: String
  let language: String
  let standard: String

  /// What the header promises to be valid in.
  static let all = [
    Compiler(command: "gcc", language: "c", standard: "c99"),
    Compiler(command: "gcc", language: "c", standard: "c11"),
    Compiler(command: "clang", language: "c", standard: "c99"),
    Compiler(command: "clang", language: "c", standard: "c11"),
    Compiler(command: "g++", language: "c++", standard: "c++11"),
    Compiler(command: "g++", language: "c++", standard: "c++20"),
    Compiler(command: "clang++", language: "c++", standard: "c++11"),
    Compiler(command: "clang++", language: "c++", standard: "c++20"),
  ]

  /// Those that read the form with named fields, in which documents write a plugin.
  static let namingFields = all.filter { $0.standard != "c++11" }

  var testDescription: String { "\(command) -std=\(standard)" }

  /// Compiles, and fails the test with the compiler's words unless it succeeds without a warning.
  /// Where there is no such compiler it cancels the test, with a warning, as a cancelled case is not shown.
  @discardableResult
  func compile(_ arguments: [String], in directory: TemporaryDirectory) throws -> String {
    guard let path = Command.find(command) else {
      Issue.record("not tested: no \(command) in PATH", severity: .warning)
      try Test.cancel("no \(command) in PATH")
    }
    let result = try Command.run(path, strictness + arguments, in: directory)
    try #require(result.status == 0, "\(testDescription): \(result.output)")
    #expect(result.output == "" || arguments.contains("-M"))
    return result.output
  }

  private var strictness: [String] {
    [
      "-x", language, "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
      "-I", Sources.include.path,
    ]
  }
}
