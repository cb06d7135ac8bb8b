import Foundation

/// One line of the host's standard error: an event of its log, or what a probe plugin wrote there by itself.
struct LogLine: Sendable, CustomStringConvertible {
  /// The line's number, counted from 1.
  let number: Int
  let text: String
  /// When the line arrived here.
  let arrival: ContinuousClock.Instant

  var description: String { text }

  /// The value of `name=value` or `name="some value"` in the line, nil if the line does not have it.
  func field(_ name: String) -> String? {
    guard let start = text.range(of: " \(name)=")?.upperBound else { return nil }
    let rest = text[start...]
    guard rest.hasPrefix("\"") else { return String(rest.prefix { $0 != " " }) }
    return String(rest.dropFirst().prefix { $0 != "\"" })
  }

  /// Whether a plugin wrote it in its rehearsal.
  var isRehearsal: Bool { text.contains(" plugin=") && field("plugin")?.hasSuffix("/rehearsal") == true }

  func contains(_ part: String) -> Bool { text.contains(part) }
}
