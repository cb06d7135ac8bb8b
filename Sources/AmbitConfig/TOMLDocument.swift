import AmbitCore
import AmbitTOML

/// An error in the syntax of TOML, or TOML that a configuration file must not contain.
struct SyntaxError: Error, Equatable {
  let position: SourcePosition
  let message: String
}

/// A configuration file in TOML: its values and their positions in the text.
struct TOMLDocument {
  private(set) var members: [String: ConfigurationValue] = [:]
  /// The positions of keys and of array elements. A table that has several headers has the position of the first.
  private(set) var positions: [SettingPath: SourcePosition] = [:]

  /// - Throws: The first syntax error.
  init(text: String) throws(SyntaxError) {
    let root: TOMLNode
    do throws(TOMLFault) { root = try .parse(text) } catch { throw SyntaxError(error) }
    if case .table(let table) = root.value { members = try read(table, below: SettingPath()) }
  }

  private mutating func read(
    _ table: [TOMLMember], below path: SettingPath
  ) throws(SyntaxError) -> [String: ConfigurationValue] {
    var members: [String: ConfigurationValue] = [:]
    for member in table {
      try refuseNUL(in: member.key, at: member.position)
      let path = path.appending(.key(member.key))
      positions[path] = member.position
      members[member.key] = try read(member.node, at: path)
    }
    return members
  }

  private mutating func read(_ node: TOMLNode, at path: SettingPath) throws(SyntaxError) -> ConfigurationValue {
    switch node.value {
    case .string(let text):
      try refuseNUL(in: text, at: node.position)
      return .string(text)
    case .integer(let number): return .integer(number)
    case .float(let number): return .float(number)
    case .boolean(let flag): return .boolean(flag)
    case .dateOrTime: return .dateOrTime
    case .table(let table): return .table(try read(table, below: path))
    case .array(let elements):
      var values: [ConfigurationValue] = []
      for (index, element) in elements.enumerated() {
        let path = path.appending(.index(index))
        positions[path] = element.position
        values.append(try read(element, at: path))
      }
      return .array(values)
    }
  }

  /// Strings go to the system and to plugins, where a NUL would end them.
  private func refuseNUL(in text: String, at position: SourcePosition) throws(SyntaxError) {
    guard text.utf8.contains(0) else { return }
    let message = "expected a string without NUL characters, found one written as an escape"
    throw SyntaxError(position: position, message: message)
  }
}

extension SyntaxError {
  /// The sentence of the parser in the style of the host's messages.
  init(_ fault: TOMLFault) {
    position = fault.position
    let begin = "Error while parsing "
    if let found = fault.found {
      message = "\(fault.sentence), found \(Self.name(of: found))"
    } else if fault.sentence.hasPrefix(begin) {
      let rest = fault.sentence.dropFirst(begin.count)
      let isScalar = Self.scalars.contains { rest.hasPrefix("\($0): ") }
      message = "syntax error in \(rest)" + (isScalar ? "; put a string in quotes" : "")
    } else {
      message = "syntax error: \(fault.sentence)"
    }
  }

  /// The kinds of value that the parser may see in a text without quotes.
  private static let scalars = [
    "value", "boolean", "floating-point", "decimal integer", "hexadecimal integer", "octal integer", "binary integer",
    "date", "time", "date-time", "date-time offset",
  ]

  private static func name(of character: String) -> String {
    ["\n", "\r"].contains(character) ? "the end of the line" : quoted(character)
  }
}

/// A TOML value without its position.
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
  /// The value for the "found" of a message: itself if it is short, else its kind.
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
