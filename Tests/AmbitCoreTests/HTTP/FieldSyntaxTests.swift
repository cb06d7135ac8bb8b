import AmbitCore
import Testing

@Suite("Field syntax")
struct FieldSyntaxTests {
  private func isName(_ text: String) -> Bool { FieldSyntax.isName(Array(text.utf8).span.bytes) }
  private func isValue(_ text: String) -> Bool { FieldSyntax.isValue(Array(text.utf8).span.bytes) }
  private func isSameName(_ one: String, _ other: String) -> Bool {
    FieldSyntax.isSameName(Array(one.utf8).span.bytes, Array(other.utf8).span.bytes)
  }

  @Test(arguments: ["X", "content-type", "X-Request-Id", "!#$%&'*+-.^_`|~09"])
  func `A field name consists of token characters`(name: String) {
    #expect(isName(name))
  }

  @Test(arguments: [
    "", " ", "a b", "a:", ":a", "Content-Type:", "a\r\n", "a\u{0}", "long-enough-name\n", "\u{e9}", "a\u{7f}",
  ])
  func `A field name has no other characters`(name: QuotedInput) {
    #expect(!isName(name.text))
  }

  @Test(arguments: [
    "", "a", "text/plain; charset=utf-8", "a\tb", " a ", "\u{e9}\u{1f600}", "longer than one word of eight",
  ])
  func `A field value is visible text`(value: String) {
    #expect(isValue(value))
  }

  @Test(arguments: ["\r\n", "a\r\nX: y", "a\n", "\r", "a\u{0}b", "longer than one word\u{0}", "\u{7f}", "a\u{1b}"])
  func `A field value has no control characters`(value: QuotedInput) {
    #expect(!isValue(value.text))
  }

  @Test func `Comparing ignores the case of letters in field names, and of nothing else`() {
    #expect(isSameName("Content-Type", "cONTENT-tYPE"))
    #expect(isSameName("", ""))
    #expect(!isSameName("Content-Type", "Content-Typ"))
    #expect(!isSameName("Content-Type", "Content_Type"))
    #expect(!isSameName("a@", "a`"))
    #expect(!isSameName("a^", "a~"))
    #expect(!isSameName("a-", "a\r"))
  }
}
