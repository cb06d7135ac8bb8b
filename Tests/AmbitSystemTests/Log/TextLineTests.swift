import Logging
import Testing

@testable import AmbitSystem

@Suite struct TextLines {
  /// The line without its time.
  private func line(
    _ message: String, level: Logger.Level = .info, _ fields: [(key: String, value: String)] = []
  ) -> String {
    let line = TextLine.make(level: level, message: message, fields: fields)
    return String(line.drop { $0 != " " }.dropFirst())
  }

  @Test func `A text line shows time, level, message and fields`() {
    let whole = TextLine.make(level: .info, message: "started", fields: [("plugin", "hello/1"), ("scope", "7")])
    #expect(whole.contains(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  started plugin=hello\/1 scope=7$/))
  }

  @Test(arguments: [
    (Logger.Level.trace, "TRACE m"), (.debug, "DEBUG m"), (.info, "INFO  m"), (.notice, "NOTICE m"),
    (.warning, "WARNING m"), (.error, "ERROR m"), (.critical, "CRITICAL m"),
  ])
  func `A text line names the level`(level: Logger.Level, expected: String) {
    #expect(line("m", level: level) == expected)
  }

  @Test(arguments: [
    ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), ("a=b", #""a=b""#),
    (#"say "hi""#, #""say \"hi\"""#), ("a\nb", #""a\nb""#), ("tab\there", #""tab\there""#),
    (#"back\slash here"#, #""back\\slash here""#),
    ("ä/ö", "ä/ö"), ("\u{1B}[2J", #""\u{1B}[2J""#), ("\u{7F}", #""\u{7F}""#), ("\u{2028}", #""\u{2028}""#),
    ("a\u{202E}b", #""a\u{202E}b""#), ("\u{2066}", #""\u{2066}""#),
  ])
  func `A text line quotes a value that could be taken for something else`(value: String, expected: String) {
    #expect(line("m", [("key", value)]) == "INFO  m key=\(expected)")
  }

  @Test func `A text line stays one line whatever the message and the values are`() {
    for scalar in (0...0x2030).compactMap(Unicode.Scalar.init) {
      let text = "before\(scalar)after"
      let written = TextLine.make(level: .info, message: text, fields: [("key", text)])
      #expect(written.split(whereSeparator: \.isNewline).count == 1, "U+\(String(scalar.value, radix: 16))")
      #expect(!written.unicodeScalars.contains { $0.value < 0x20 }, "U+\(String(scalar.value, radix: 16))")
    }
  }

  @Test(arguments: ["\u{301}", "\u{200D}", "\u{FE0F}"])
  func `A text line escapes a quote and a backslash also before a mark that combines with it`(mark: String) {
    let written = line("m", [("route", "y\"\(mark) \\\(mark)")])
    let expected = #"INFO  m route="y\""# + mark + #" \\"# + mark + "\""
    #expect(Array(written.unicodeScalars) == Array(expected.unicodeScalars))
  }

  @Test func `A text line leaves no way to forge a field`() {
    let written = line("m", [("job", "x plugin=other/1"), ("route", "y\" plugin=\"other/1")])
    #expect(written == #"INFO  m job="x plugin=other/1" route="y\" plugin=\"other/1""#)
  }

  @Test func `A text line shows the fields that name who is at fault first, then the others by name`() {
    let names = ["zebra", "job", "scope", "apple", "fault", "route", "request", "plugin"]
    #expect(
      names.sorted(by: LogField.precedes) == ["fault", "plugin", "route", "request", "scope", "job", "apple", "zebra"])
  }
}
