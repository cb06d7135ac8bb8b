internal import Logging

/// A log line for people.
enum TextLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    var line = "\(Timestamp.now) \(name(of: level)) \(escaped(message))"
    for (key, value) in fields {
      line += needsQuotes(value) ? " \(key)=\"\(quoted(value))\"" : " \(key)=\(value)"
    }
    return line
  }

  /// All names are equally wide, so that messages stand below each other.
  private static func name(of level: Logger.Level) -> String {
    let name = level.rawValue.uppercased()
    return name + String(repeating: " ", count: max(0, 5 - name.count))
  }

  private static func needsQuotes(_ value: String) -> Bool {
    value.isEmpty || value.unicodeScalars.contains { $0.value <= 0x20 || $0 == "\"" || $0 == "=" || $0.value == 0x7F }
  }

  private static func quoted(_ value: String) -> String {
    escaped(value.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\"))
      .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
  }

  /// The text with control characters written out: what a plugin or a client sends cannot forge a line.
  private static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return text.unicodeScalars.reduce(into: "") { line, scalar in
      if isControl(scalar) {
        line += scalar.escaped(asASCII: true)
      } else {
        line.unicodeScalars.append(scalar)
      }
    }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }
}
