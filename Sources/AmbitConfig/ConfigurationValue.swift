import TOMLKit

/// A TOML value as Swift values, which unlike the parser's own can be sent, compared and matched.
indirect enum ConfigurationValue: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case float(Double)
  case boolean(Bool)
  case array([ConfigurationValue])
  case table([String: ConfigurationValue])
}

extension ConfigurationValue {
  init(_ value: TOMLValue) {
    self =
      switch value.type {
      case .string: .string(value.string ?? "")
      case .int: .integer(value.int ?? 0)
      case .double: .float(value.double ?? 0)
      case .bool: .boolean(value.bool ?? false)
      // The locator has refused them; should one get through, it is shown as it is.
      case .date, .time, .dateTime: .string(value.debugDescription)
      case .array: .array(value.array.map { $0.map { ConfigurationValue($0.tomlValue) } } ?? [])
      case .table: .table(value.table.map(ConfigurationValue.members) ?? [:])
      }
  }

  static func members(of table: TOMLTable) -> [String: ConfigurationValue] {
    table.keys.reduce(into: [:]) { members, key in
      members[key] = table[key].map { ConfigurationValue($0.tomlValue) }
    }
  }
}

extension ConfigurationValue: CustomStringConvertible {
  /// The value as the "found" of a message: spelled out if it is short, else its kind.
  var description: String {
    switch self {
    case .string(let text): quoted(text)
    case .integer(let number): String(number)
    case .float(let number): String(number)
    case .boolean(let flag): String(flag)
    case .array(let elements): elements.isEmpty ? "an empty array" : "an array"
    case .table: "a table"
    }
  }
}
