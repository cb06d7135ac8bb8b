/// A TOML value without its place.
indirect enum ConfigurationValue: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case float(Double)
  case boolean(Bool)
  case dateOrTime
  case array([ConfigurationValue])
  case table([String: ConfigurationValue])
}

extension ConfigurationValue: CustomStringConvertible {
  /// The value as the "found" of a message: spelled out if it is short, else its kind.
  var description: String {
    switch self {
    case .string(let text): quoted(text)
    case .integer(let number): String(number)
    case .float(let number): String(number)
    case .boolean(let flag): String(flag)
    case .dateOrTime: "a date or a time"
    case .array(let elements): elements.isEmpty ? "an empty array" : "an array"
    case .table: "a table"
    }
  }
}
