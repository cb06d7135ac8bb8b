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
