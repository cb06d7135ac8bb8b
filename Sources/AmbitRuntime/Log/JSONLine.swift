internal import AmbitCore
internal import Logging

/// A log line for machines: one JSON object, RFC 8259.
enum JSONLine {
  static func make(level: Logger.Level, message: String, fields: [(key: String, value: String)]) -> String {
    let members = [("time", Timestamp.now), ("level", level.rawValue), ("message", message)] + fields
    return JSONValue.object(members.map { ($0.0, .string($0.1)) }).line
  }
}
