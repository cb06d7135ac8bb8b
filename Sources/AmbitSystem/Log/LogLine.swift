internal import AmbitCore
package import Logging

/// A log line for people.
package enum TextLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    "\(Timestamp.now) \(name(of: level)) \(text(message, fields))"
  }

  /// The line without time and level.
  package static func text(_ message: String, _ fields: [(key: String, value: String)]) -> String {
    fields.reduce(into: escaped(message)) { line, field in
      let (key, value) = field
      line += needsQuotes(value) ? " \(key)=\"\(escaped(value, withinQuotes: true))\"" : " \(key)=\(value)"
    }
  }

  /// Padded, so that messages are aligned.
  private static func name(of level: Logger.Level) -> String {
    let name = level.rawValue.uppercased()
    return name + String(repeating: " ", count: max(0, 5 - name.count))
  }

  private static func needsQuotes(_ value: String) -> Bool {
    value.isEmpty || value.unicodeScalars.contains { $0 == " " || $0 == "\"" || $0 == "=" || $0.isControl }
  }

  /// Escapes control characters, and within quotes also quotes and backslashes, so that text of a plugin or a client
  /// cannot forge a line or a field. Works on scalars: as a character, a quote with a combining mark is no quote.
  private static func escaped(_ text: String, withinQuotes: Bool = false) -> String {
    text.unicodeScalars.reduce(into: "") { line, scalar in
      switch scalar {
      case _ where scalar.isControl: line += scalar.escapeSequence
      case "\"" where withinQuotes, "\\" where withinQuotes: line += "\\\(scalar)"
      default: line.unicodeScalars.append(scalar)
      }
    }
  }
}

/// A log line for machines: one JSON object, RFC 8259.
enum JSONLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    let members = [("time", Timestamp.now), ("level", level.rawValue), ("message", message)] + fields
    return JSONValue.object(members.map { ($0.0, .string($0.1)) }).line
  }
}

/// Names of the fields of log lines.
public enum LogField {
  public static var plugin: String { "plugin" }
  /// What a scope serves. A request serves a route, hence the name.
  public static var label: String { "route" }
  /// The request that the line is about.
  public static var request: String { "request" }
  /// The number of a scope that is not a request's own, with its name if it has one.
  public static var scope: String { "scope" }
  public static var job: String { "job" }
  /// Who caused what the line reports: "plugin" or "host".
  public static var fault: String { "fault" }

  /// The fields in the order in which lines show them.
  package static func inOrder(_ fields: Logger.Metadata) -> [(key: String, value: String)] {
    fields.map { (key: $0.key, value: $0.value.description) }.sorted { precedes($0.key, $1.key) }
  }

  /// Whether lines show field `one` before `other`: known names first, others by name.
  static func precedes(_ one: String, _ other: String) -> Bool {
    (rank(one), one) < (rank(other), other)
  }

  private static func rank(_ name: String) -> Int {
    [fault, plugin, label, request, scope, job].firstIndex(of: name) ?? .max
  }
}

/// Limits how often a condition is logged that may recur for hours and would fill the log: one line per interval.
///
/// A value for one thread, or guarded by its owner's lock.
public struct LogRateLimit: Sendable {
  /// Nanoseconds between two lines.
  public static var interval: Int64 { 10_000_000_000 }
  /// The end of a line that is limited: tells the operator that silence does not mean that the condition is over.
  public static var note: String { "logged at most every \(interval / 1_000_000_000) s" }

  /// Monotonic nanoseconds.
  private var nextDue = Int64.min
  /// How many lines `note(at:)` has left out since the last one.
  private var leftOut = 0

  public init() {}

  /// Whether a line may be logged now; if so, the next one may be after the interval.
  /// - Parameter now: monotonic nanoseconds, as `Clock.monotonic` gives them.
  public mutating func permits(at now: Int64) -> Bool {
    guard now >= nextDue else { return false }
    nextDue = now + Self.interval
    return true
  }

  /// The end of a line that may be logged now: tells of the limit, and how many lines were left out since the last one;
  /// nil if this line is left out too.
  public mutating func note(at now: Int64) -> String? {
    guard permits(at: now) else {
      leftOut += 1
      return nil
    }
    defer { leftOut = 0 }
    return leftOut > 0 ? "\(Self.note), \(leftOut) more since the last line" : Self.note
  }
}
