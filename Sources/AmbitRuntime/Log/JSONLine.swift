internal import Logging

/// A log line for machines: one JSON object, RFC 8259.
enum JSONLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    let members = [("time", Timestamp.now), ("level", level.rawValue), ("message", message)] + fields
    return "{" + members.map { "\(string($0.0)):\(string($0.1))" }.joined(separator: ",") + "}"
  }

  private static func string(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "\"") { line, scalar in
      switch scalar {
      case "\"": line += "\\\""
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      case _ where scalar.isControl:
        let digits = String(scalar.value, radix: 16)
        line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: line.unicodeScalars.append(scalar)
      }
    } + "\""
  }
}
