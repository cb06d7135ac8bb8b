import AmbitCore
import Testing

@Suite struct `Names of files as text` {
  @Test(arguments: ["hello.so", "naïve/größe.c", "", "日本.c", "\u{10FFFE}", "a\u{1B}[2Jb"])
  func `A name in UTF-8 is itself`(name: String) {
    #expect(String(fileName: Array(name.utf8)).fileNameBytes == Array(name.utf8))
    if name != "\u{10FFFE}" { #expect(String(fileName: Array(name.utf8)) == name) }
  }

  @Test func `Bytes of any kind come back from the text, and different bytes give different texts`() {
    var generator = SystemRandomNumberGenerator()
    var texts: [String: [UInt8]] = [:]
    // Many bytes that begin or continue a sequence in UTF-8, and the scalars that stand for bytes.
    let pieces: [[UInt8]] = [
      [0x61], [0xff], [0x80], [0xc3], [0xc3, 0xa4], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x8f, 0xbf, 0xbf],
      [0xf4, 0x8f, 0xbe, 0x80], [0xf4, 0x8f, 0xbe], [0xf5], [0xf0, 0x9f, 0x98, 0x80], [0x0a],
    ]
    for _ in 0..<3000 {
      let bytes = (0..<Int.random(in: 0...6, using: &generator)).flatMap { _ in
        pieces.randomElement(using: &generator)!
      }
      let text = String(fileName: bytes)
      #expect(text.fileNameBytes == bytes)
      #expect(text.systemPath.map { UInt8(bitPattern: $0) } == bytes + [0])
      #expect(texts[text] == nil || texts[text] == bytes)
      texts[text] = bytes
    }
  }

  @Test(
    arguments: [
      ([0x61, 0xff, 0x62], #"a\xffb"#), ([0x1b, 0x5b], #"\u{1B}["#), ([0x61, 0x0a, 0x62], #"a\nb"#),
      ([0xc3, 0xa4], "ä"), ([0xc3], #"\xc3"#), ([0xc2, 0x9b], #"\u{009B}"#), ([0xe2, 0x80, 0xa8], #"\u{2028}"#),
    ] as [([UInt8], String)])
  func `Text for people shows control characters and bytes that are no text escaped`(bytes: [UInt8], shown: String) {
    let name = String(fileName: bytes)
    #expect(name.printable == shown)
    var table = TextTable()
    table.add(name, name)
    #expect(table.lines == ["\(shown)  \(shown)"])
    let json = JSONValue.string(name).line
    #expect(json.unicodeScalars.allSatisfy { !$0.isControl })
  }

  @Test func `JSON shows a byte that is no text as its escape`() {
    #expect(JSONValue.string(String(fileName: [0x61, 0xff])).line == #""a\\xff""#)
  }
}
