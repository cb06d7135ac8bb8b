import Foundation
import TestSupport
import Testing

/// `ambit.h`, parsed for the calls that it has and for their comments.
struct HeaderText: CustomTestStringConvertible {
  /// An entry of the function table.
  struct Entry {
    let name: String
    /// The type of the result, as written: "ambit_status", "void *".
    let result: String
    let parameters: [Parameter]
  }

  /// A parameter as written: "int64_t timeout", "void **args", "void (*fn)(void *arg)".
  struct Parameter: Equatable {
    let declaration: String

    var name: String {
      if let pointer = declaration.firstMatch(of: /\(\*(\w+)\)/) { return String(pointer.1) }
      return declaration.firstMatch(of: /(\w+)$/).map { String($0.1) } ?? declaration
    }
  }

  let text: String

  var testDescription: String { "ambit.h" }

  init() throws {
    text = try String(contentsOf: Places.headers.appending(path: "ambit.h"), encoding: .utf8)
  }

  /// The entries of the table, in its order.
  var entries: [Entry] {
    guard let start = text.range(of: "struct ambit_api {"),
      let end = text.range(of: "\n};", range: start.upperBound..<text.endIndex)
    else { return [] }
    return text[start.upperBound..<end.lowerBound]
      .replacing(/\/\*.*?\*\//.dotMatchesNewlines(), with: "")
      .split(separator: ";").compactMap(Self.entry)
  }

  /// The comment in front of the inline function of a call, in one line; nil if it has none.
  func comment(of call: String) -> String? {
    guard let name = text.range(of: "ambit_\(call)(ambit_"),
      let function = text[..<name.lowerBound].range(of: "static inline ", options: .backwards)?.lowerBound,
      let start = text[..<function].range(of: "/*", options: .backwards)?.lowerBound
    else { return nil }
    let comment = text[start..<function]
    guard comment.hasSuffix("*/\n"), !text[function..<name.lowerBound].contains("\n") else { return nil }
    return comment.split(whereSeparator: \.isWhitespace).filter { $0 != "*" }.joined(separator: " ")
  }

  /// The code of the plugin that the introduction shows, from its include line to the end of its entry.
  var introduction: String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .drop { !$0.contains("#include <ambit.h>") }
      .prefix { !$0.contains("cc -shared") }
      .map { $0.replacing(/^ \* {0,5}/, with: "") }
      .joined(separator: "\n")
  }

  private static func entry(_ declaration: Substring) -> Entry? {
    let line = declaration.replacing(/\s+/, with: " ").trimmingCharacters(in: .whitespaces)
    guard let match = line.wholeMatch(of: /(.*?)\(\*(\w+)\)\((.*)\)/) else { return nil }
    return Entry(
      name: String(match.2), result: match.1.trimmingCharacters(in: .whitespaces),
      parameters: splitAtTopLevel(match.3).map(Parameter.init))
  }

  /// Splits a list of parameters at its commas, but not at those of a function type within it.
  private static func splitAtTopLevel(_ list: Substring) -> [String] {
    var parameters = [""]
    var depth = 0
    for character in list {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if character == ",", depth == 0 {
        parameters.append("")
      } else {
        parameters[parameters.count - 1].append(character)
      }
    }
    return parameters.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
