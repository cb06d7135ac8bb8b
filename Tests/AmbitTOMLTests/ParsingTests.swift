import AmbitCore
import Testing

@testable import AmbitTOML

@Suite struct `Parsing TOML` {
  @Test(
    arguments: [
      ("\"a\\u00e9\"", .string("aé")), ("'a\\u00e9'", .string("a\\u00e9")), ("\"\\u0000b\"", .string("\0b")),
      ("\"\"\"\na\\\n  b\"\"\"", .string("ab")), ("\"\"", .string("")), ("-17", .integer(-17)), ("0xFF", .integer(255)),
      ("9223372036854775807", .integer(.max)), ("1_000", .integer(1000)), ("1.5", .float(1.5)),
      ("-inf", .float(-.infinity)),
      ("true", .boolean(true)), ("false", .boolean(false)), ("1979-05-27T07:32:00Z", .dateOrTime),
      ("1979-05-27", .dateOrTime), ("07:32:00", .dateOrTime), ("[]", .array([])), ("{}", .table([])),
    ] as [(String, TOMLNode.Value)])
  func `Parsing TOML gives each value and its place`(text: String, value: TOMLNode.Value) throws {
    let root = try TOMLNode.parse("\n a = \(text)\n")
    let node = TOMLNode(value: value, position: SourcePosition(line: 2, column: 6))
    let member = TOMLMember(key: "a", position: SourcePosition(line: 2, column: 2), node: node)
    #expect(root.value == .table([member]))
  }

  @Test func `Parsing TOML gives the elements of arrays in order and the members of tables by their keys`() throws {
    let root = try TOMLNode.parse("b = [3, [1], 2]\nc.z = 1\nc.y = [{}]\n\"a\" = 0\n")
    #expect(outline(root) == "{a: 0, b: [3, [1], 2], c: {y: [{}], z: 1}}")
  }

  @Test func `Parsing TOML gives the table of the whole text for an empty one`() throws {
    #expect(try TOMLNode.parse("").value == .table([]))
    #expect(try TOMLNode.parse("\u{FEFF}# nothing").value == .table([]))
  }

  @Test func `Parsing TOML takes tables and arrays 256 deep, and no deeper`() throws {
    let keys = String(repeating: "a.", count: 255)
    #expect(try outline(TOMLNode.parse("\(keys)a = 1")).hasSuffix("{a: 1" + String(repeating: "}", count: 256)))
    let fault = #expect(throws: TOMLFault.self) { try TOMLNode.parse("b = 1\n\(keys)a.a = 1") }
    #expect(fault?.position.line == 2)
    #expect(fault?.sentence == "expected at most 256 tables and arrays around a value")
    let brackets = String(repeating: "[", count: 100_000)
    #expect(throws: TOMLFault.self) { try TOMLNode.parse("a = \(brackets)") }
  }

  /// The values without their places.
  private func outline(_ node: TOMLNode) -> String {
    switch node.value {
    case .integer(let number): "\(number)"
    case .array(let elements): "[\(elements.map(outline).joined(separator: ", "))]"
    case .table(let members): "{\(members.map { "\($0.key): \(outline($0.node))" }.joined(separator: ", "))}"
    default: "?"
    }
  }
}

@Suite struct `A fault in TOML` {
  @Test(
    arguments: [
      ("[é]", 1, 2, "expected a key", "é"), ("[\n]", 1, 2, "expected a key", "\n"),
      ("[[[a]]]", 1, 3, "expected a key", "["),
      ("a = 1\n\n # é\nb = [1, }", 4, 9, "expected a value", "}"), ("\u{FEFF}[é", 1, 2, "expected a key", "é"),
      ("é = 1\n[é]日本語", 1, 1, nil, nil), ("a = '日本'\n[\"é\".日] # 日本", 2, 6, nil, nil),
    ] as [(String, Int, Int, String?, String?)])
  func `A fault in TOML has a place and a sentence, whatever the text`(
    text: String, line: Int, column: Int, sentence: String?, found: String?
  ) throws {
    let fault = try #require(throws: TOMLFault.self) { try TOMLNode.parse(text) }
    #expect(fault.position == SourcePosition(line: line, column: column))
    #expect(fault.found == found)
    if let sentence { #expect(fault.sentence == sentence) }
    #expect(!fault.sentence.isEmpty && !fault.sentence.contains("\n"))
  }
}
