import TOMLKit

/// A configuration file that is TOML: its values, and where in the text each of them stands.
struct TOMLDocument {
  let members: [String: ConfigurationValue]
  let positions: [SettingPath: SourcePosition]

  /// - Throws: The first syntax error.
  init(text: String) throws(SyntaxProblem) {
    if text.utf8.contains(0) { throw Self.byteZero(in: text) }
    positions = try KeyLocator(scanning: text).positions
    members = ConfigurationValue.members(of: try Self.table(text))
  }

  private static func byteZero(in text: String) -> SyntaxProblem {
    var source = ByteSource(text)
    source.skip { $0 != 0 }
    return SyntaxProblem(position: source.position, message: "expected text, found a NUL character")
  }

  private static func table(_ text: String) throws(SyntaxProblem) -> TOMLTable {
    do {
      return try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      let begin = error.source.begin
      let position = SourcePosition(line: begin.line, column: begin.column)
      throw SyntaxProblem(position: position, message: sentence(of: error))
    } catch {
      throw SyntaxProblem(position: SourcePosition(line: 1, column: 1), message: "syntax error: \(error)")
    }
  }

  /// The parser's own sentence, begun in the way of the host's messages.
  private static func sentence(of error: TOMLParseError) -> String {
    let begin = "Error while parsing "
    guard error.description.hasPrefix(begin) else { return "syntax error: \(error.description)" }
    return "syntax error in \(error.description.dropFirst(begin.count))"
  }
}
