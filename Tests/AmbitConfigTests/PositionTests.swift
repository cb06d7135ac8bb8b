import AmbitCore
import Testing

@testable import AmbitConfig

@Suite struct `Positions of keys` {
  @Test func `Plain, dotted and quoted keys have positions`() throws {
    let text = """
      # a comment = with a key
        listen = []
      limits . max_body = "8MiB"  # limits.wrong = 1
      "a.b".'c d'."\\u00e9" = 1
      """
    expect(text, "listen", at: 2, 3)
    expect(text, "limits", at: 3, 1)
    expect(text, "limits", "max_body", at: 3, 10)
    expect(text, "a.b", at: 4, 1)
    expect(text, "a.b", "c d", at: 4, 7)
    expect(text, "a.b", "c d", "é", at: 4, 13)
    #expect(try TOMLDocument(text: text).positions.count == 6)
  }

  @Test func `A key below a header has the position in the header's table`() {
    let text =
      "threads = 1\n[limits]\nmax_body = 1\n[ plugin . \"he]llo\" ] # x\r\nprefix = ''\r\n"
      + "[[route]]\nmatch = 1\n"
    expect(text, "threads", at: 1, 1)
    expect(text, "limits", at: 2, 2)
    expect(text, "limits", "max_body", at: 3, 1)
    expect(text, "plugin", at: 4, 3)
    expect(text, "plugin", "he]llo", at: 4, 12)
    expect(text, "plugin", "he]llo", "prefix", at: 5, 1)
    expect(text, "route", at: 6, 3)
  }

  @Test func `A table that has several headers has the position of the first`() {
    let text = "[plugin.a]\n[plugin.b]\n"
    expect(text, "plugin", at: 1, 2)
    expect(text, "plugin", "b", at: 2, 9)
  }

  @Test func `A key below a table of an array has the position in the last element`() throws {
    let text = "[[route]]\nmatch = 1\n[[route]]\nmatch = 2\n[route.x]\ny = 3\n[[route.z]]\n"
    let positions = try TOMLDocument(text: text).positions
    let (first, second) = (SettingPath("route").appending(.index(0)), SettingPath("route").appending(.index(1)))
    #expect(positions[first] == SourcePosition(line: 1, column: 1))
    #expect(positions[first.appending(.key("match"))] == SourcePosition(line: 2, column: 1))
    #expect(positions[second] == SourcePosition(line: 3, column: 1))
    #expect(positions[second.appending(.key("match"))] == SourcePosition(line: 4, column: 1))
    #expect(positions[second.appending(.key("x")).appending(.key("y"))] == SourcePosition(line: 6, column: 1))
    #expect(positions[second.appending(.key("z")).appending(.index(0))] != nil)
  }

  @Test func `Keys inside inline tables and arrays have positions`() throws {
    let text = """
      log = { level = "in}fo", format = { a = [1, 2] } }
      listen = [ # ]
        "127.0.0.1:8080", # , "
        [ '"', 2 ], "x",
      ]
      threads = 2
      """
    expect(text, "log", "level", at: 1, 9)
    expect(text, "log", "format", "a", at: 1, 37)
    expect(text, "threads", at: 6, 1)
    let listen = SettingPath("listen")
    let positions = try TOMLDocument(text: text).positions
    #expect(positions[listen.appending(.index(0))] == SourcePosition(line: 3, column: 3))
    #expect(positions[listen.appending(.index(1))] == SourcePosition(line: 4, column: 3))
    #expect(positions[listen.appending(.index(1)).appending(.index(1))] == SourcePosition(line: 4, column: 10))
    #expect(positions[listen.appending(.index(2))] == SourcePosition(line: 4, column: 15))
  }

  @Test(arguments: [
    "\"\"\"\nb = 1 \\\" \"\" \n\"\"\"\"\"", "'''\nb = \\\n'''", "'''b = 1'\n'\n'''''", "\"\\\\\\\"b = 1\"",
    "'\\'", "''", "\"\"", "[\n]", "[ [ '[' ], # ]\n 1 , ]", "{}", "-1.5e-7", "+inf", "true", "0xFF # b = 1",
  ])
  func `Positions skip values of every kind`(value: String) throws {
    let text = "a = \(value)\r\nthreads = 1"
    let line = text.utf8.count { $0 == UInt8(ascii: "\n") } + 1
    expect(text, "a", at: 1, 1)
    expect(text, "threads", at: line, 1)
    let document = try TOMLDocument(text: text)
    #expect(document.members.keys.sorted() == ["a", "threads"])
    #expect(document.positions.keys.filter { $0.steps.count == 1 }.count == 2)
  }

  @Test func `Positions do not count a byte order mark`() {
    expect("\u{FEFF}threads = 1", "threads", at: 1, 1)
  }

  @Test func `Positions count columns in Unicode scalars`() {
    expect(#""größe" . x = 1"#, "größe", "x", at: 1, 11)
  }

  @Test func `Every value of a text has a position`() throws {
    let text = """
      a."b\\u0041\\n\\U0001F600".c = "x\\U00000041\\""
      [ "d" . 'e' ]
      f = [ 1, { g = '''h''', i = \"\"\"j\"\"\", 'k.l'.m = -1 }, [ [], true, ], ]
      """
    let document = try TOMLDocument(text: text)
    let paths = paths(of: .table(document.members), at: SettingPath())
    #expect(paths.count == 15)
    #expect(Set(paths) == Set(document.positions.keys))
  }

  private func paths(of value: ConfigurationValue, at path: SettingPath) -> [SettingPath] {
    let inner: [(SettingPath.Step, ConfigurationValue)] =
      switch value {
      case .table(let members): members.map { (.key($0.key), $0.value) }
      case .array(let elements): elements.enumerated().map { (.index($0.offset), $0.element) }
      default: []
      }
    return inner.flatMap { [path.appending($0)] + paths(of: $1, at: path.appending($0)) }
  }

  private func expect(
    _ text: String, _ keys: String..., at line: Int, _ column: Int, location: SourceLocation = #_sourceLocation
  ) {
    let path = keys.reduce(SettingPath()) { $0.appending(.key($1)) }
    let position = (try? TOMLDocument(text: text))?.positions[path]
    #expect(position == SourcePosition(line: line, column: column), "\(path)", sourceLocation: location)
  }
}
