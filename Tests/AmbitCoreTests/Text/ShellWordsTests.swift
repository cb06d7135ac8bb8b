import AmbitCore
import Foundation
import TestSupport
import Testing

@Suite struct `Words of a shell` {
  @Test(arguments: [
    ("", []), ("  ", []), ("-O0", ["-O0"]), (" -a\t-b\n-c ", ["-a", "-b", "-c"]),
    (#"-DNAME="a b" -I'my dir'"#, ["-DNAME=a b", "-Imy dir"]), (#"-DTEXT='"quoted"'"#, [#"-DTEXT="quoted""#]),
    (#"-DTEXT=\"a\ b\""#, [#"-DTEXT="a b""#]), (#""a\"b\\c\d\$e""#, [#"a"b\c\d$e"#]), (#"'a\'b"#, [#"a\b"#]),
    (#"'' """#, ["", ""]), (#"a''b"#, ["ab"]), ("a\\\nb", ["ab"]), ("$HOME `id` *", ["$HOME", "`id`", "*"]),
    (#"end\"#, [#"end\"#]), ("é'ö ü'", ["éö ü"]),
  ])
  func `A text is split as a shell does it, without expansion`(text: String, words: [String]) throws {
    #expect(try text.shellWords() == words)
  }

  @Test(arguments: [("-DA='b", "'", 5), (#"a "b c"#, "\"", 3), (#""a\""#, "\"", 1), ("'a' 'b", "'", 5)])
  func `A quote that is not closed is an error with its place`(text: String, quote: String, column: Int) {
    let error = #expect(throws: UnclosedQuoteError.self) { try text.shellWords() }
    #expect(error.map { "\($0.quote)" } == quote && error?.column == column)
  }

  @Test func `Random texts have the words that a real shell gives them`() throws {
    var generator = SystemRandomNumberGenerator()
    // Nothing that a shell expands, or that ends a command.
    let pieces = ["a", "b", " ", "'", "\"", "\\", "\t", "-D", "=", "\n"]
    var texts: [(text: String, words: [String])] = []
    while texts.count < 300 {
      let count = Int.random(in: 0...9, using: &generator)
      let text = (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined()
      // A line feed outside of quotes ends a command, so there it stands for a blank.
      guard let words = try? text.shellWords(), !text.hasSuffix("\\") else { continue }
      texts.append((text, words))
    }
    for (text, words) in texts where !text.contains("\n") {
      let result = try run("sh", ["-c", "for word in \(text); do printf '[%s]' \"$word\"; done"])
      #expect(result.text == words.map { "[\($0)]" }.joined(), "\(text)")
    }
  }
}
