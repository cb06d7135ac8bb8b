import AmbitCore
import Testing

@Suite("Text as a JSON string") struct JSONStringTextTests {
  private func written(_ bytes: [UInt8]) -> String? {
    guard let count = JSONStringText.byteCount(of: bytes.span.bytes) else { return nil }
    var buffer = [UInt8](repeating: 0xEE, count: count + 2)
    var octets = buffer.mutableSpan
    var target = octets.mutableBytes
    let end = JSONStringText.write(bytes.span.bytes, into: &target, at: 1)
    #expect(end == count + 1)
    #expect(buffer.first == 0xEE && buffer.last == 0xEE)
    return String(decoding: buffer[1..<end], as: UTF8.self)
  }

  @Test(arguments: [
    ("", #""""#), ("abc", #""abc""#), (#"a"b\c/"#, #""a\"b\\c/""#), ("\u{8}\u{c}\n\r\t", #""\b\f\n\r\t""#),
    ("\u{0}\u{1}\u{1f}\u{7f}", #""\u0000\u0001\u001f"# + "\u{7f}\""), ("é€😀\u{2028}", "\"é€😀\u{2028}\""),
  ])
  func `A JSON string escapes the necessary characters and no others`(text: String, json: String) {
    #expect(written(Array(text.utf8)) == json)
  }

  @Test(arguments: [[0xFF], [0x61, 0xC3], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
  func `A JSON string is not written if the text is not UTF-8`(bytes: [UInt8]) {
    #expect(written(bytes) == nil)
  }
}
