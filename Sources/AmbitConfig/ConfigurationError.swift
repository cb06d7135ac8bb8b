package import AmbitCore

/// One thing that is wrong with a configuration file.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file's name as the caller gave it.
  package let file: String
  /// Where in the file; nil for an error about a value that the file does not spell out.
  package let position: SourcePosition?
  /// What was expected and what was found, led by the key path where there is one.
  package let message: String

  /// `host.conf:14:9: message`, or `host.conf: message` without a position.
  package var description: String {
    guard let position else { return "\(file): \(message)" }
    return "\(file):\(position.line):\(position.column): \(message)"
  }
}

/// Everything that is wrong with a configuration file, in the order of the file; never empty.
package struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  package let errors: [ConfigurationError]

  /// One line for each error.
  package var description: String {
    errors.map(\.description).joined(separator: "\n")
  }
}

/// A wrong value or key: where, and a sentence that says what was expected and what was found.
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

/// The text in quotes as a message shows it: control characters escaped, cut after 60 characters.
func quoted(_ text: String) -> String {
  let longest = 60
  var shown = "\""
  for scalar in text.prefix(longest).unicodeScalars {
    switch scalar {
    case "\"", "\\": shown += "\\\(scalar)"
    case _ where scalar.properties.generalCategory == .control: shown += scalar.escaped(asASCII: true)
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
