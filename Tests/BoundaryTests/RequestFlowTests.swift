import Testing

@Suite struct PagesOfAmbitHTTP {
  private static let page = "Sources/AmbitHTTP/AmbitHTTP.docc/RequestFlow.md"

  /// The first group of `pattern` at each of its places in the page.
  private func names(_ pattern: Regex<(Substring, Substring)>) throws -> Set<String> {
    Set(try Repository.text(of: Self.page).matches(of: pattern).map { String($0.1) })
  }

  @Test func `The page about the flow of a request names only functions that exist`() throws {
    let named = try names(/`([a-z]\w*)(?:\([\w:]*\))?`/).subtracting(["accept4", "ambit_respond"])
    #expect(named.count > 20)
    let declared = try Set(
      Repository.files(below: "Sources/AmbitHTTP", "swift").flatMap {
        try Repository.matches(of: /\b(?:func|let) (\w+)/, in: $0)
      })
    #expect(named.subtracting(declared) == [])
  }

  @Test func `The page about the flow of a request names the files of its seven functions`() throws {
    let rows = try Repository.text(of: Self.page).matches(of: /\| \d \| `(\w+)` \| `([\w\/+]+)` \|/)
    #expect(rows.count == 7)
    for row in rows {
      let file = "Sources/AmbitHTTP/\(row.2).swift"
      let functions = try Repository.matches(of: /\bfunc (\w+)/, in: file)
      #expect(functions.contains(String(row.1)), "\(file) has no function \(row.1)")
    }
  }
}
