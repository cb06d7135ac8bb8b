import AmbitCore
import TestSupport
import Testing

@Suite("JSON object") struct JSONObjectTests {
  /// The members as `name=value`, decoded, with the value's form.
  private func members(_ text: String) throws(JSONError) -> [String] { try members(Array(text.utf8)) }

  private func members(_ bytes: [UInt8]) throws(JSONError) -> [String] {
    var cursor = JSONObjectCursor()
    var found: [String] = []
    while let member = try cursor.next(in: bytes.span.bytes) {
      let form: FieldValue.Form = member.nameNeedsDecoding ? .jsonEscapedText : .jsonText
      let name = decoded(FieldValue(member.name, form: form), of: bytes)
      let value = decoded(member.value, of: bytes)
      found.append(
        "\(String(decoding: name, as: UTF8.self))=\(String(decoding: value, as: UTF8.self)) \(member.value.form)")
    }
    #expect(try cursor.next(in: bytes.span.bytes) == nil)
    return found
  }

  @Test(arguments: [
    ("{}", []), (" \t\r\n{ \n} ", []), (#"{"a":1}"#, ["a=1 jsonScalar"]),
    (#"{ "a" : -1.5e+3 , "b":"x" }"#, ["a=-1.5e+3 jsonScalar", "b=x jsonText"]),
    (
      #"{"a":true,"b":false,"c":null}"#,
      ["a=true jsonScalar", "b=false jsonScalar", "c=null jsonNull"]
    ),
    (
      #"{"a":{"b":[1,{"c":"}"}]},"d":[[],{}],"e":"f"}"#,
      [#"a={"b":[1,{"c":"}"}]} jsonObject"#, "d=[[],{}] jsonArray", "e=f jsonText"]
    ),
    (#"{"":"","a\u0062":"\"\\\/\b\f\n\r\t"}"#, ["= jsonText", "ab=\"\\/\u{8}\u{c}\n\r\t jsonEscapedText"]),
    (#"{"a":"\u00e9\u20AC\ud83d\ude00é€😀"}"#, ["a=é€😀é€😀 jsonEscapedText"]),
    (#"{"a":"\u0000"}"#, ["a=\u{0} jsonEscapedText"]),
    (#"{"a":0,"a":0.0,"a":-0}"#, Array(["a=0", "a=0.0", "a=-0"].map { $0 + " jsonScalar" })),
    (#"{"a":"\uD7FF\uE000\uFFFF"}"#, ["a=\u{D7FF}\u{E000}\u{FFFF} jsonEscapedText"]),
  ])
  func `A JSON object is walked over member by member`(text: String, expected: [String]) throws {
    #expect(try members(text) == expected)
  }

  @Test(arguments: [
    ("", "expected a JSON object at byte 1, found the end"), ("[]", "expected a JSON object at byte 1, found `[`"),
    ("1", "expected a JSON object at byte 1, found `1`"),
    ("\u{FEFF}{}", #"expected a JSON object at byte 1, found `\u{FEFF}`"#),
    ("{", "expected a name in quotes at byte 2, found the end"),
    ("{a:1}", "expected a name in quotes at byte 2, found `a`"),
    (#"{"a""#, "expected `:` after the name at byte 5, found the end"),
    (#"{"a" 1}"#, "expected `:` after the name at byte 6, found `1`"),
    (#"{"a":}"#, "expected a value at byte 6, found `}`"), (#"{"a":"#, "expected a value at byte 6, found the end"),
    (#"{"a":1"#, "expected `,` or `}` at byte 7, found the end"),
    (#"{"a":1 2}"#, "expected `,` or `}` at byte 8, found `2`"),
    (#"{"a":1,}"#, "expected a name in quotes at byte 8, found `}`"),
    (#"{,}"#, "expected a name in quotes at byte 2, found `,`"),
    (#"{}{}"#, "expected the end of the text after the object at byte 3, found `{`"),
    ("{}\u{0}", #"expected the end of the text after the object at byte 3, found `\0`"#),
    (#"{"a":01}"#, "expected a number without a leading zero at byte 6, found `0`"),
    (#"{"a":-}"#, "expected a digit at byte 7, found `}`"), (#"{"a":1.}"#, "expected a digit at byte 8, found `}`"),
    (#"{"a":.5}"#, "expected a value at byte 6, found `.`"), (#"{"a":+1}"#, "expected a value at byte 6, found `+`"),
    (#"{"a":1e}"#, "expected a digit at byte 8, found `}`"), (#"{"a":NaN}"#, "expected a value at byte 6, found `N`"),
    (#"{"a":tru}"#, "expected a value at byte 6, found `t`"), (#"{"a":nul"#, "expected a value at byte 6, found `n`"),
    (#"{"a":trues}"#, "expected `,` or `}` at byte 10, found `s`"),
    (#"{"a":"x"#, #"expected `"` at the end of the string at byte 8, found the end"#),
    (#"{"a":"\x"}"#, "expected the letter of an escape at byte 8, found `x`"),
    (#"{"a":"\"#, "expected the rest of an escape at byte 8, found the end"),
    (#"{"a":"\u12"}"#, "expected `u` and four hexadecimal digits at byte 8, found `u`"),
    (#"{"a":"\ud800"}"#, #"expected surrogates in pairs at byte 7, found `\`"#),
    (#"{"a":"\ud800\n"}"#, #"expected surrogates in pairs at byte 7, found `\`"#),
    (#"{"a":"\ud800\ud800"}"#, #"expected surrogates in pairs at byte 7, found `\`"#),
    (#"{"a":"\udc00\ud800"}"#, #"expected surrogates in pairs at byte 7, found `\`"#),
    ("{\"a\":\"\n\"}", #"expected an escape in place of a control character at byte 7, found `\n`"#),
    (#"{"a":[1,]}"#, "expected a value at byte 9, found `]`"),
    (#"{"a":[1}"#, "expected `,` or `]` at byte 8, found `}`"),
    (#"{"a":{"b":1]}"#, "expected `,` or `}` at byte 12, found `]`"),
    (#"{"a":{1}}"#, "expected a name in quotes at byte 7, found `1`"),
    (#"{"a":{"b"}}"#, "expected `:` after the name at byte 10, found `}`"),
    (#"{"a":[}"#, "expected a value at byte 7, found `}`"),
  ])
  func `A malformed JSON object is refused, with the place and the reason`(text: String, message: String) {
    let error = #expect(throws: JSONError.self) { try members(text) }
    #expect(error?.description == message)
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0xAF], [0xC1, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
      [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
  func `A JSON object is refused unless it is UTF-8`(bytes: [UInt8]) {
    let text = Array(#"{"a":""#.utf8) + bytes + Array(#""}"#.utf8)
    let error = #expect(throws: JSONError.self) { try members(text) }
    #expect(error?.description.hasPrefix("expected UTF-8 at byte 7, found the byte 0x") == true)
  }

  @Test func `A JSON object nests 64 levels deep, itself included`() throws {
    func nested(_ depth: Int) -> String {
      #"{"a":"# + String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1) + "}"
    }
    #expect(try members(nested(64)).count == 1)
    let error = #expect(throws: JSONError.self) { try members(nested(65)) }
    #expect(error?.description == "expected at most 64 levels of nesting at byte 69, found `[`")
    #expect(throws: JSONError.self) { try members(nested(1_000_000)) }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `A JSON object gives back the written values, whatever they were`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds(200) {
      let object = random.object()
      #expect(try members(object.text) == object.members, "\(object.text)")
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `A damaged JSON object is refused or read within its bounds`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds(400) {
      let bytes = random.mutated(Array(random.object().text.utf8))
      do {
        for member in try members(bytes) { #expect(member.utf8.contains(UInt8(ascii: "="))) }
      } catch {
        #expect((0...bytes.count).contains(error.offset))
        #expect(error.offset == bytes.count || error.found != "the end")
      }
    }
  }
}

extension SeededGenerator {
  /// An object of random members, and how they should be found.
  fileprivate mutating func object() -> (text: String, members: [String]) {
    var parts: [String] = []
    var members: [String] = []
    for _ in 0..<number(0...5) {
      let name = jsonString()
      let (text, shown) = jsonValue(depth: 0)
      parts.append(blanks() + name.text + blanks() + ":" + blanks() + text + blanks())
      members.append(name.meaning + "=" + shown)
    }
    return (blanks() + "{" + parts.joined(separator: ",") + (parts.isEmpty ? blanks() : "") + "}" + blanks(), members)
  }

  private mutating func blanks() -> String { text(of: " \t\r\n", count: chance(30) ? 0...3 : 0...0) }

  /// A value as JSON, and how it should be found.
  private mutating func jsonValue(depth: Int) -> (text: String, shown: String) {
    switch number(0...(depth < 4 ? 6 : 4)) {
    case 0:
      let string = jsonString()
      return (string.text, "\(string.meaning) \(string.text.contains("\\") ? "jsonEscapedText" : "jsonText")")
    case 1:
      let text = (chance(50) ? "-" : "") + "\(number(0...99))" + (chance(50) ? ".\(number(0...99))e+5" : "")
      return (text, "\(text) jsonScalar")
    case 2: return ("true", "true jsonScalar")
    case 3: return ("false", "false jsonScalar")
    case 4: return ("null", "null jsonNull")
    case 5:
      let text = "[" + (0..<number(0...3)).map { _ in jsonValue(depth: depth + 1).text }.joined(separator: " ,") + "]"
      return (text, "\(text) jsonArray")
    default:
      let inside = (0..<number(0...3)).map { _ in jsonString().text + ": " + jsonValue(depth: depth + 1).text }
      let text = "{" + inside.joined(separator: ",") + "}"
      return (text, "\(text) jsonObject")
    }
  }

  /// A string in its quotes, with escapes or without, and what it means.
  private mutating func jsonString() -> (text: String, meaning: String) {
    let escapes = [("\\n", "\n"), ("\\\"", "\""), ("\\u0041", "A"), ("\\ud83d\\uDE00", "😀"), ("\\u20ac", "€")]
    var text = ""
    var meaning = ""
    for _ in 0..<number(0...6) {
      let plain = element(of: "abc {}[]:,é€😀\u{7f}").description
      let part = chance(20) ? element(of: escapes) : (plain, plain)
      text += part.0
      meaning += part.1
    }
    return ("\"\(text)\"", meaning)
  }
}
