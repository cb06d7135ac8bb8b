package import AmbitCore

/// An error in a configuration file.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file's name as the caller gave it.
  package let file: String
  /// The position in the file; nil for an error about a value that is not in the file.
  package let position: SourcePosition?
  /// The path of the key if there is one, the expected value and the value found.
  package let message: String

  /// `host.conf:14:9: message`, or `host.conf: message` without a position.
  package var description: String {
    guard let position else { return "\(file.printable): \(message)" }
    return "\(file.printable):\(position.line):\(position.column): \(message)"
  }
}

/// All errors in a configuration file in the order of the file; never empty.
package struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  package let errors: [ConfigurationError]

  package init(_ errors: [ConfigurationError]) {
    let last = SourcePosition(line: .max, column: .max)
    self.errors = errors.sorted { ($0.position ?? last) < ($1.position ?? last) }
  }

  /// One line for each error.
  package var description: String {
    errors.map(\.description).joined(separator: "\n")
  }
}

/// A wrong value or key: its path, and a message with the expected and the found value.
struct Diagnostic {
  let path: SettingPath
  let message: String
}

extension Diagnostic {
  /// `limits.max_body: expected a size such as "8MiB", found 3.5; hint`.
  static func unexpected(
    at path: SettingPath, expected: String, found: ConfigurationValue, hint: String? = nil
  ) -> Diagnostic {
    let ending = hint.map { "; \($0)" } ?? ""
    return Diagnostic(path: path, message: "\(path): expected \(expected), found \(found)\(ending)")
  }
}

/// The text in quotes for a message. Control characters are escaped, and the text is truncated to 60 characters.
func quoted(_ text: String) -> String {
  let longest = 60
  var shown = "\""
  for scalar in text.prefix(longest).unicodeScalars {
    switch scalar {
    case "\"", "\\": shown += "\\\(scalar)"
    case _ where scalar.isControl: shown += scalar.escapeSequence
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return shown + (text.dropFirst(longest).isEmpty ? "\"" : "…\"")
}

/// `"a", "b" or "c"`.
func alternatives(_ names: [String]) -> String {
  let texts = names.map(quoted)
  guard let last = texts.last, texts.count > 1 else { return texts.joined() }
  return texts.dropLast().joined(separator: ", ") + " or " + last
}
