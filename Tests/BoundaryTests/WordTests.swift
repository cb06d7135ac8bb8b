import Testing

/// The runtime serves scopes and jobs, whoever asks for them: its code and its comments do not speak of HTTP.
@Suite struct WordsOfAmbitRuntime {
  /// Words of HTTP, in the singular. Not among them is "request": the third level of the tree of scopes, below the host
  /// and a plugin's generation, is that of a request, whatever the protocol. A loop also watches listeners and
  /// connections of any protocol.
  private static let words: Set = [
    "http", "https", "url", "uri", "route", "query", "header", "trailer", "cookie", "method", "client", "response",
    "websocket", "content type", "media type", "status code",
  ]

  /// Lines that may say such a word, and why.
  private static let exceptions = [
    (line: "ArenaChunk.headerSize", reason: "a block of memory has a header"),
    (line: "The header of a chunk", reason: "a block of memory has a header"),
    (line: "static var headerSize: Int", reason: "a block of memory has a header"),
    (line: "static var capacity: Int { 4096 - headerSize }", reason: "a block of memory has a header"),
    (line: "the plugin's header", reason: "the header is the file ambit.h"),
  ]

  @Test func `AmbitRuntime says no word of HTTP, in code and in comments`() throws {
    let files = try Repository.files(below: "Sources/AmbitRuntime", "swift")
    #expect(!files.isEmpty)
    for file in files {
      for (number, line) in try Repository.text(of: file).split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
      {
        let found = Self.found(in: line)
        #expect(found.isEmpty, "\(file):\(number + 1) says \(found.joined(separator: ", "))")
      }
    }
  }

  @Test func `Every exception is still needed`() throws {
    let text = try Repository.files(below: "Sources/AmbitRuntime", "swift").map(Repository.text).joined()
    for exception in Self.exceptions {
      #expect(text.contains(exception.line), "nothing says \"\(exception.line)\" any more (\(exception.reason))")
    }
  }

  @Test(arguments: [
    ("let requestHeaders = 1", ["header"]), ("/// The client's URLs", ["client", "url"]), ("case HTTPCalls", ["http"]),
    ("A content type", ["content type"]), ("contentType", ["content type"]), ("of a type whose content", []),
    ("rerouted, overhead", []),
  ])
  func `Words are found in identifiers and in prose, in the singular and in the plural`(line: String, words: [String]) {
    #expect(Self.found(in: line[...]) == words)
  }

  /// The words of HTTP in a line, in order.
  private static func found(in line: Substring) -> [String] {
    guard !exceptions.contains(where: { line.contains($0.line) }) else { return [] }
    let parts = line.matches(of: /[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+/).map { $0.output.lowercased() }
    let singular = parts.map { $0.count > 3 && $0.hasSuffix("s") && !words.contains($0) ? String($0.dropLast()) : $0 }
    let pairs = zip(singular, singular.dropFirst()).map { "\($0) \($1)" }
    return (singular + pairs).filter(words.contains)
  }
}
