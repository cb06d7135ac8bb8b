import AmbitConfig
import AmbitCore
import Testing

@Suite struct `Syntax errors` {
  @Test func `A syntax error has a line and a column`() throws {
    let found = try #require(errors("threads = 1\nlisten = yes\n"))
    #expect(found.map(\.position) == [SourcePosition(line: 2, column: 10)])
    #expect(found.first?.description.hasPrefix("host.conf:2:10: syntax error in ") == true)
  }

  @Test(arguments: ["threads = 1\nthreads = 2", "[log]\n[log]", "threads = 4 5", "listen = [", "x = 1_", "start = 'a"])
  func `A syntax error is reported alone`(text: String) throws {
    let found = try #require(errors(text))
    #expect(found.count == 1)
    #expect(found.first?.position != nil)
    #expect(found.first?.message.hasPrefix("syntax error") == true)
  }

  @Test func `A NUL is reported wherever it is`() throws {
    let found = try #require(errors("threads = 1\n\0lisen = 1"))
    #expect(found.map(\.position) == [SourcePosition(line: 2, column: 1)])
    let message = "expected a string without NUL characters, found one written as an escape"
    #expect(messages(#"plugins = "a\u0000b""#) == ["host.conf:1:11: " + message])
    #expect(messages(#""a\U00000000" = 1"#) == ["host.conf:1:1: " + message])
    #expect(messages("[plugin.a]\nx = \"\"\"\n\\u0000\"\"\"") == ["host.conf:2:5: " + message])
  }
}

@Suite struct `Several errors` {
  @Test func `Several errors are reported at once, in the order of the file`() {
    let text = """
      threads = -1
      lisen = []
      [limits]
      max_body = "8 megs"
      max_head = "2MiB"
      [plugin.a]
      z = []
      prefix = "x"
      """
    #expect(errors(text)?.map(\.position?.line) == [1, 2, 4, 5, 7, 8])
  }

  @Test func `Several errors are one line each`() {
    let errors = #expect(throws: ConfigurationErrors.self) {
      try HostConfiguration.parse(text: "threads = 'a'\nx = 1", file: "dir/a.conf")
    }
    let lines = errors?.description.split(separator: "\n")
    #expect(lines?.map { $0.prefix(13) } == ["dir/a.conf:1:", "dir/a.conf:2:"])
  }
}
