import AmbitConfig
import Testing

/// The TOML parser's assertions fail at some texts that are not TOML: none of them may end the process.
@Suite struct `Texts that are not TOML` {
  @Test(arguments: [
    ("[\n]", "1:2: expected a key, found the end of the line"), ("[é]", #"1:2: expected a key, found "é""#),
    ("[[[a]]]", #"1:3: expected a key, found "[""#), ("a = [}", #"1:6: expected a value, found "}""#),
    ("a = 1979-05-27T[7:32:00", #"1:18: expected a time, found ":""#),
    ("a.b", "1:4: syntax error in key-value pair: encountered end-of-file"),
    ("a b", "1:3: syntax error in key-value pair: expected '=', saw 'b'"),
    ("a =\r\n", #"1:4: syntax error in key-value pair: expected value, saw '\r'"#),
    ("a = yes", "1:5: syntax error in value: could not determine value type; put a string in quotes"),
    ("listen = [127.0.0.1:80]", "1:13: syntax error in time: expected ':', saw '7'; put a string in quotes"),
  ])
  func `A text that is not TOML is refused with what was expected`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test func `A random text is refused or read, whatever it is`() {
    var texts = TextGenerator(seed: 0x5EED)
    var refused = 0
    for _ in 0..<20_000 where errors(texts.next()) != nil { refused += 1 }
    #expect((1..<20_000).contains(refused))
  }
}

/// Random texts that are close to TOML: pieces of correct ones with some characters put in, taken out or replaced, and
/// sequences of the characters that mean something.
private struct TextGenerator {
  private var state: UInt64
  private let alphabet = Array("[]{}=.,\"'#\n\r\t \\0123456789-+_:TZeEabfxuUin\u{1}\u{7F}\u{A0}\u{FEFF}é")
  private let correct = [
    "[a.b]\nc.d = {x=1,y='z'}\n[[e]]\nf=[1,2.5,\"q\\u0041\"]\ng='''x\ny'''\nh=\"\"\"a\\\n b\"\"\"\n",
    "[log]\nlevel = \"info\"\n", "listen = [\"127.0.0.1:8080\"]\n", "a=1\n",
    "a=0x1F\nb=1e-5\nc=-inf\nd=nan\ne=0b1\nf=0o7\ng=+1.5e+7\n", "a=1979-05-27T07:32:00Z\nb=07:32:00\n",
  ].map(Array.init)

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> String {
    if number(below: 2) == 0 { return String((0..<number(below: 13)).map { _ in character() }) }
    var text = correct[number(below: correct.count)]
    if number(below: 2) == 0 { text = Array(text.dropFirst(number(below: text.count)).prefix(number(below: 40))) }
    for _ in 0..<number(below: 6) {
      let start = number(below: text.count + 1)
      let end = min(start + number(below: 3), text.count)
      text.replaceSubrange(start..<end, with: (0..<number(below: 3)).map { _ in character() })
    }
    return String(text)
  }

  private mutating func character() -> Character {
    alphabet[number(below: alphabet.count)]
  }

  /// Knuth's linear congruential generator; its high bits are the good ones.
  private mutating func number(below bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}
