/// A JSON value (RFC 8259) that the host writes.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case string(String)
  case array([JSONValue])
  /// The members in the order in which they are written. The caller uses each name once.
  case object([(name: String, value: JSONValue)])

  /// A string, or null without one.
  public init(_ text: String?) { self = text.map(JSONValue.string) ?? .null }

  public init(_ number: some BinaryInteger) { self = .integer(Int64(clamping: number)) }
}

extension JSONValue {
  /// The value on one line, without blanks.
  public var line: String {
    var text = ""
    write(to: &text, depth: nil)
    return text
  }

  /// The value on several lines for people to read, indented by two blanks for each object or array that is not empty.
  public var indented: String {
    var text = ""
    write(to: &text, depth: 0)
    return text
  }

  private func write(to text: inout String, depth: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let flag): text += flag ? "true" : "false"
    case .integer(let number): text += String(number)
    case .string(let content): Self.write(content, to: &text)
    case .array(let elements):
      Self.write(elements, between: ("[", "]"), to: &text, depth: depth) { element, text, depth in
        element.write(to: &text, depth: depth)
      }
    case .object(let members):
      Self.write(members, between: ("{", "}"), to: &text, depth: depth) { member, text, depth in
        Self.write(member.name, to: &text)
        text += depth == nil ? ":" : ": "
        member.value.write(to: &text, depth: depth)
      }
    }
  }

  private static func write<Item>(
    _ items: [Item], between brackets: (String, String), to text: inout String, depth: Int?,
    _ writeItem: (Item, inout String, Int?) -> Void
  ) {
    let inner = depth.map { $0 + 1 }
    text += brackets.0
    for (index, item) in items.enumerated() {
      if index > 0 { text += "," }
      startLine(of: &text, depth: inner)
      writeItem(item, &text, inner)
    }
    if !items.isEmpty { startLine(of: &text, depth: depth) }
    text += brackets.1
  }

  private static func startLine(of text: inout String, depth: Int?) {
    if let depth { text += "\n" + String(repeating: "  ", count: depth) }
  }

  /// Escapes more than RFC 8259 requires: every scalar that might end a line of a log or control a terminal. A byte of
  /// a file name that is not UTF-8 has no place in JSON: its escape is part of the text.
  private static func write(_ content: String, to text: inout String) {
    text += "\""
    for scalar in content.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.fileNameByte != nil: text += "\\" + scalar.escapeSequence
      case _ where scalar.isControl:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
