/// A place in the text of the configuration file. Lines and columns count from 1, columns in Unicode scalars.
package struct SourcePosition: Sendable, Hashable, Comparable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

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
