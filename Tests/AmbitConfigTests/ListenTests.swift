import AmbitCore
import Testing

@testable import AmbitConfig

/// The entries of `listen`: texts, and tables with the rights to a unix socket.
@Suite struct `The key listen` {
  @Test func `An entry of listen is a text, or a table that says who may connect`() throws {
    let text = """
      listen = [
        "127.0.0.1:80",
        { address = "unix:http.sock", mode = "0660", owner = "", group = "www-data" },
        { address = "unix:/run/b.sock", mode = "600", owner = 33, group = "33" },
        { address = "*:81" },
      ]
      """
    let entries = try HostConfiguration.parse(text: text, file: "host.conf").listen
    #expect(entries.map(\.address.description) == ["127.0.0.1:80", "unix:http.sock", "unix:/run/b.sock", "*:81"])
    #expect(entries.map(\.mode) == [0o666, 0o660, 0o600, 0o666])
    #expect(entries.map(\.owner) == [nil, nil, "33", nil])
    #expect(entries.map(\.group) == [nil, "www-data", "33", nil])
  }

  @Test func `An entry of listen knows its place and those of its keys`() throws {
    let text = "listen = ['*:80',\n  { address = 'unix:a', group = 'b' }]"
    let entry = try #require(HostConfiguration.parse(text: text, file: "host.conf").listen.last)
    #expect(entry.place == SettingPlace(path: "listen[1]", position: SourcePosition(line: 2, column: 3)))
    let group = SettingPlace(path: "listen[1].group", position: SourcePosition(line: 2, column: 25))
    #expect(entry.place(of: "group") == group)
    let moved = try HostConfiguration.parse(text: "\n\n" + text, file: "host.conf").listen
    #expect(moved.last == entry, "a reload that finds it on another line finds no change")
  }

  @Test(arguments: [
    ("600", "0600"), ("660", "0660"), ("666", "0666"), ("777", "0777"), ("400", "0400"), ("440", "0440"), ("7", "0007"),
    ("0o600", "0600"), ("0o640", "0640"), ("0o644", "0644"), ("0o660", "0660"), ("0o777", "0777"), ("0o755", "0755"),
  ])
  func `A mode that is a number is an error that names the octal digits in quotes`(mode: String, meant: String) throws {
    let errors = #expect(throws: ConfigurationErrors.self) {
      try HostConfiguration.parse(text: "listen = [{ address = 'unix:a', mode = \(mode) }]", file: "host.conf")
    }
    #expect(errors.map { "\($0)".hasSuffix("; did you mean \"\(meant)\"?") } == true, "\(String(describing: errors))")
  }

  @Test(arguments: ["4755", "0o4755", "1000", "888", "699", "-600"])
  func `A mode that is a number and has no octal digits up to 0777 gets no suggestion`(mode: String) throws {
    let errors = #expect(throws: ConfigurationErrors.self) {
      try HostConfiguration.parse(text: "listen = [{ address = 'unix:a', mode = \(mode) }]", file: "host.conf")
    }
    #expect(errors.map { "\($0)".contains("did you mean") } == false, "\(String(describing: errors))")
  }

  @Test(arguments: [
    (#"{}"#, #"listen[0]: expected "address", such as "unix:/run/ambit/http.sock"; it is missing"#),
    (
      #"{ address = "*:80", mode = "0600" }"#,
      #"listen[0].mode: expected only with a "unix:" address, found with "*:80""#
    ),
    (
      #"{ address = "127.0.0.1:80", group = "a" }"#,
      #"listen[0].group: expected only with a "unix:" address, found with "127.0.0.1:80""#
    ),
    (
      #"{ address = "unix:a", mode = 0o660 }"#,
      #"listen[0].mode: expected the permissions of the socket as octal digits in quotes, such as "0660", found 432; "#
        + #"did you mean "0660"?"#
    ),
    (
      #"{ address = "unix:a", mode = "0888" }"#,
      #"listen[0].mode: expected the permissions of the socket as octal digits in quotes, such as "0660", found "0888""#
    ),
    (
      #"{ address = "unix:a", mode = "4755" }"#,
      #"listen[0].mode: expected the permissions of the socket as octal digits in quotes, such as "0660", found "4755""#
    ),
    (
      #"{ address = "unix:a", owner = 1.5 }"#,
      #"listen[0].owner: expected the name or the number of a user, or "" to leave it as it is, found 1.5"#
    ),
    (#"{ address = "unix:a", groop = "b" }"#, #"listen[0]: unknown key "groop"; did you mean "group"?"#),
    (
      #""*:80", "0.0.0.0:80""#,
      #"listen[1]: expected an address that no other entry includes, found "0.0.0.0:80" beside listen[0], "#
        + #"which is "*:80": one of them includes the other, so remove one"#
    ),
    (
      #""[::]:80", { address = "*:80" }"#,
      #"listen[1]: expected an address that no other entry includes, found "*:80" beside listen[0], "#
        + #"which is "[::]:80": one of them includes the other, so remove one"#
    ),
  ])
  func `An error of listen names the entry, and what was expected there`(entries: String, message: String) throws {
    let found = try #require(errors("listen = [\(entries)]"))
    #expect(found.map(\.message) == [message])
    #expect(found.first?.position?.line == 1)
  }

  @Test func `Every IPv4 and every IPv6 address of one port may be two entries`() throws {
    let text = #"listen = ["0.0.0.0:80", "[::]:80"]"#
    #expect(try HostConfiguration.parse(text: text, file: "host.conf").listen.count == 2)
  }
}
