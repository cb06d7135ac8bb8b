internal import AmbitCore
internal import Logging

/// A log line for people.
enum TextLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    "\(Timestamp.now) \(name(of: level)) \(text(message, fields))"
  }

  /// What the line says, without time and level.
  static func text(_ message: String, _ fields: [(key: String, value: String)]) -> String {
    fields.reduce(into: escaped(message)) { line, field in
      let (key, value) = field
      line += needsQuotes(value) ? " \(key)=\"\(escaped(value, withinQuotes: true))\"" : " \(key)=\(value)"
    }
  }

  /// All names are equally wide, so that messages stand below each other.
  private static func name(of level: Logger.Level) -> String {
    let name = level.rawValue.uppercased()
    return name + String(repeating: " ", count: max(0, 5 - name.count))
  }

  private static func needsQuotes(_ value: String) -> Bool {
    value.isEmpty || value.unicodeScalars.contains { $0 == " " || $0 == "\"" || $0 == "=" || $0.isControl }
  }

  /// The text with control characters written out, and within quotes what would end them: what a plugin or a client
  /// sends cannot forge a line or a field. Goes by scalars, as a combining mark would hide the quote before it.
  private static func escaped(_ text: String, withinQuotes: Bool = false) -> String {
    text.unicodeScalars.reduce(into: "") { line, scalar in
      switch scalar {
      case _ where scalar.isControl: line += scalar.escaped(asASCII: true)
      case "\"" where withinQuotes, "\\" where withinQuotes: line += "\\\(scalar)"
      default: line.unicodeScalars.append(scalar)
      }
    }
  }
}
